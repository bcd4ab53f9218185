"""Results as tables on a terminal: of an experiment, and of a comparison."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from reports.analysis.overview import build_overview
from reports.analysis.study import Study
from reports.records import ExperimentRecord
from reports.text.columns import more_seeds, terminal_columns
from reports.text.format import MISSING, interval, number, signed, spread
from vss.errors import UserError
from vss.suggestions import did_you_mean


def result_table(record: ExperimentRecord) -> Table:
    """Return the main table of a report, in few columns."""
    columns = terminal_columns()
    table = _table(f"{record.name}: mIoU on {_scored_splits(record)}", list(columns))
    for row in build_overview(Study(record)):
        table.add_row(*(text(row) for text in columns.values()))
    return table


def comparison_table(pairs: Sequence[ExperimentRecord], metric: str) -> Table:
    """Return a table with a row for each cell; differences are from the row above.

    Raises:
        UserError: if no trial has the metric.
    """
    metrics = {name for pair in pairs for run in pair.finished for name in run.metrics}
    if metric not in metrics:
        hint = did_you_mean(metric, dict.fromkeys(metrics))
        raise UserError(
            f"no trial has the metric '{metric}' (metrics: {', '.join(sorted(metrics))}){hint}"
        )
    headings = [
        "mean ± s.d.\n(seeds), %", "points", "95 % interval", "verdict", "more seeds\nneeded",
        "latency\nms",
    ]  # fmt: skip
    table = _table(metric, ["cell", *headings])
    for pair in pairs:
        for row in build_overview(Study(pair, metric)):
            low, high = row.interval
            verdict = row.comparison.verdict if row.comparison else MISSING
            table.add_row(
                row.cell,
                spread(row.score.mean, row.score.std, row.score.n),
                "" if row.is_baseline else signed(100 * row.difference),
                "" if row.is_baseline else interval(100 * low, 100 * high),
                "" if row.is_baseline else verdict,
                "" if row.is_baseline else more_seeds(row),
                number(row.clip.median_ms, 2),
            )
    return table


def _table(title: str, headings: Sequence[str]) -> Table:
    """Return an empty table; the first column folds, the others keep their numbers whole."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(headings[0], overflow="fold", min_width=12)
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _scored_splits(record: ExperimentRecord) -> str:
    return ", ".join(sorted({run.scored_split or "?" for run in record.finished})) or "no split"
