"""The differences that a design can separate, and how it grows, as tables on a terminal."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.networks.power_estimate import PowerEstimate


def build_power_table(power: PowerEstimate) -> Table:
    """Return a table with one row per number of seeds; those of the spec are marked."""
    table = Table(title="power", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("seeds", "separates (points)", "trials", "hours"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in power.rows:
        table.add_row(
            f"{row.seeds}{' *' if row.is_planned else ''}",
            f"{row.points:.2f}",
            str(row.trials),
            "?" if row.hours is None else f"{row.hours:.1f}",
        )
    table.caption = (
        "* planned in the spec. A difference of this size from the baseline is separated with 80 % "
        f"power if results vary as in {power.source}, with a standard deviation of "
        f"{power.seed_deviation:.2f} points over seeds and, for a difference, of "
        f"{power.test_set_deviation:.2f} points over test sets. Hours: training time of all trials "
        "in sequence; ? until similar trials have run on this device."
    )
    table.caption_justify = "left"
    return table


def build_growth_table(power: PowerEstimate) -> Table:
    """Return a table of how many trials a design with looks needs, one row per true difference."""
    table = Table(title="seeds where they decide", title_justify="left", box=SIMPLE_HEAD)
    table.pad_edge = False
    for name in ("if all differ by (points)", "trials", "saved", "settled", "with all seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in power.growth:
        table.add_row(
            f"{row.points:g}",
            f"{row.trainings:.0f}",
            f"{100 * (1 - row.trainings / power.most_trials):.0f} %",
            f"{100 * row.settled:.0f} %",
            f"{100 * row.settled_by_all_seeds:.0f} %",
        )
    table.caption = (
        f"Expected trials, of at most {power.most_trials}, if every cell truly differs from the "
        "baseline by that much; the share of cells that end with a verdict (better, worse, "
        "equivalent); and the same if every cell got all seeds and was judged once."
    )
    table.caption_justify = "left"
    return table
