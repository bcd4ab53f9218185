"""What a design can separate, as a table on a terminal."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.networks.power_estimate import PowerEstimate


def power_table(power: PowerEstimate) -> Table:
    """Return a table with a row for each number of seeds; the spec's own are marked."""
    table = Table(title="power", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("seeds", "separates, points", "trainings", "hours"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in power.rows:
        table.add_row(
            f"{row.seeds}{' *' if row.is_planned else ''}",
            f"{row.points:.2f}",
            str(row.trainings),
            "?" if row.hours is None else f"{row.hours:.1f}",
        )
    table.caption = (
        f"* as the spec plans. A difference of this size from the baseline is separated with "
        f"80 % power, if seeds and test set vary as in {power.source}: {power.seed_deviation:.2f} "
        f"points a training, {power.test_set_deviation:.2f} points a difference over test sets. "
        "Hours: of all trainings, one after another; ? until similar trials have run here."
    )
    table.caption_justify = "left"
    return table
