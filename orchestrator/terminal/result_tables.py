"""The results of an experiment or a comparison as a table on a terminal."""

from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from reports.analysis.overview import CellRow, build_overview
from reports.analysis.study import Study
from reports.records import ExperimentRecord
from reports.text.columns import more_seeds, terminal_columns
from reports.text.format import MISSING, interval, number, signed, spread
from vss.errors import UserError
from vss.suggestions import did_you_mean


def _interval(row: CellRow) -> str:
    low, high = row.interval
    return "" if row.is_baseline else interval(100 * low, 100 * high)


def _verdict(row: CellRow) -> str:
    if row.is_baseline:
        return ""
    return row.comparison.verdict if row.comparison else MISSING


# Heading -> function that returns the text of a row.
_COMPARISON: dict[str, Callable[[CellRow], str]] = {
    "mean ± s.d.\n(seeds), %": lambda row: spread(row.score.mean, row.score.std, row.score.n),
    "points": lambda row: "" if row.is_baseline else signed(100 * row.difference),
    "95 % interval": _interval,
    "verdict": _verdict,
}


def build_result_table(record: ExperimentRecord) -> Table:
    """Return the main table of a report, reduced to a few columns."""
    columns = terminal_columns()
    splits = ", ".join(sorted({run.scored_split or "?" for run in record.finished}))
    title = f"{record.name}: mIoU {f'on {splits}' if splits else '(no results yet)'}"
    table = _table(title, list(columns))
    for row in build_overview(Study(record)):
        table.add_row(*(text(row) for text in columns.values()))
    return table


def build_comparison_table(pairs: Sequence[ExperimentRecord], metric: str) -> Table:
    """Return a table with one row per cell; differences are relative to the row above.

    Raises:
        UserError: if no trial has the metric.
    """
    metrics = {name for pair in pairs for run in pair.finished for name in run.metrics}
    if metric not in metrics:
        hint = did_you_mean(metric, dict.fromkeys(metrics))
        raise UserError(
            f"no trial has the metric '{metric}' (metrics: {', '.join(sorted(metrics))}){hint}"
        )
    rows = [row for pair in pairs for row in build_overview(Study(pair, metric))]
    columns: dict[str, Callable[[CellRow], str]] = {"cell": lambda row: row.cell, **_COMPARISON}
    if any(row.more_seeds > 0 for row in rows):
        columns["more\nseeds"] = lambda row: "" if row.is_baseline else more_seeds(row)
    columns["latency\nms"] = lambda row: number(row.clip.median_ms, 2)
    table = _table(metric, list(columns))
    for row in rows:
        table.add_row(*(text(row) for text in columns.values()))
    reasons = dict.fromkeys(pair.interim for pair in pairs if pair.interim is not None)
    if reasons:
        table.caption, table.caption_justify = f"Interim: {'; '.join(reasons)}.", "left"
    return table


def _table(title: str, headings: Sequence[str]) -> Table:
    """Return an empty table; only the first column may wrap, so numbers stay whole."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(headings[0], overflow="fold", min_width=12)
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
