"""Two cells, of one experiment or of two, set against each other as a report would."""

from collections.abc import Sequence
from dataclasses import replace

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.ledger.ledger import Ledger
from orchestrator.results.report import records
from orchestrator.settings import Settings
from orchestrator.tracking.tracker import Tracker
from reports.analysis import overview as tables
from reports.analysis.study import Study
from reports.records import ExperimentRecord
from vss.errors import UserError
from vss.suggestions import did_you_mean


def compare(first: str, second: str, settings: Settings) -> list[ExperimentRecord]:
    """Pairs of cells as experiments of two cells each, the first one the baseline.

    Args:
        first: `EXPERIMENT:CELL`, or `EXPERIMENT` for all of its cells.
        second: the same; of two experiments, cells of the same name are compared.
        settings: where ledger and tracking store are.

    Raises:
        UserError: if there is no such experiment or cell, or nothing to compare.
    """
    ledger = Ledger(settings.ledger_url)
    tracker = Tracker(settings.tracking_uri, settings.artifacts)
    found = [_cells(given, ledger, tracker) for given in (first, second)]
    (record, ours), (other, theirs) = found
    if len(ours) == 1 and len(theirs) == 1:
        pairs = [(ours[0], theirs[0])]
    else:
        pairs = [(cell, cell) for cell in ours if cell in theirs]
    if not pairs:
        raise UserError(
            f"'{first}' and '{second}' have no cell of the same name ({', '.join(ours)}; "
            f"{', '.join(theirs)}): name two cells as EXPERIMENT:CELL"
        )
    if record.name == other.name and all(one == two for one, two in pairs):
        raise UserError(f"'{first}' and '{second}' are the same: name two cells")
    return [_pair(record, one, other, two) for one, two in pairs]


def comparison_table(pairs: Sequence[ExperimentRecord], metric: str) -> Table:
    """One row a cell; the difference is from the row above.

    Raises:
        UserError: if no trial has the metric.
    """
    known = {name for pair in pairs for run in pair.finished for name in run.metrics}
    if metric not in known:
        hint = did_you_mean(metric, dict.fromkeys(known))
        raise UserError(
            f"no trial has the metric '{metric}'{hint}; known: {', '.join(sorted(known))}"
        )
    table = Table(title=metric, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("cell", overflow="fold", min_width=12)
    headings = ("mean ± s.d.\n(seeds), %", "points", "95 % interval", "verdict", "latency\nms")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for pair in pairs:
        for _, row in tables.overview(Study(pair, metric)).iterrows():
            first = row["verdict"] == "baseline"
            table.add_row(
                row["cell"],
                tables.spread(row["mean"], row["std"], row["n"]),
                "" if first else tables.signed(100 * row["delta"]),
                "" if first else tables.interval(100 * row["low"], 100 * row["high"]),
                "" if first else row["verdict"],
                tables.number(row["clip_median"], 2),
            )
    return table


def _cells(given: str, ledger: Ledger, tracker: Tracker) -> tuple[ExperimentRecord, list[str]]:
    name, colon, cell = given.partition(":")
    record = records(ledger.experiment(name), ledger.trials(name), tracker)
    if not colon:
        return record, list(record.cells)
    if cell not in record.cells:
        hint = did_you_mean(cell, dict.fromkeys(record.cells))
        raise UserError(
            f"experiment '{name}' has no cell '{cell}'{hint}; cells: {', '.join(record.cells)}"
        )
    return record, [cell]


def _pair(one: ExperimentRecord, cell: str, two: ExperimentRecord, other: str) -> ExperimentRecord:
    names = (f"{one.name}: {cell}", f"{two.name}: {other}")
    sides = ((one, cell, names[0]), (two, other, names[1]))
    runs = [
        replace(run, cell=shown)
        for record, wanted, shown in sides
        for run in record.runs
        if run.cell == wanted
    ]
    costs = {
        shown: record.costs[wanted] for record, wanted, shown in sides if wanted in record.costs
    }
    return replace(one, baseline=names[0], cells=list(names), runs=runs, costs=costs)
