"""The results of an experiment or a comparison as a table on a terminal."""

from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from reports.analysis.overview import CellRow, build_overview
from reports.analysis.study import Study
from reports.metrics import get_metric
from reports.records import ExperimentRecord
from reports.text.format import (
    cover_test_set_only,
    mark_test_set_only,
    name_interval,
    number,
    signed,
    spread,
)
from reports.text.table.cell_texts import write_interval, write_more_seeds
from reports.text.table.columns import terminal_columns


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
    """Return a table with one row per cell; differences are relative to the row above."""
    rows = [row for pair in pairs for row in build_overview(Study(pair, metric))]
    columns = _comparison_columns(rows)
    table = _table(f"{get_metric(metric).title} ({get_metric(metric).direction})", list(columns))
    for row in rows:
        table.add_row(*(text(row) for text in columns.values()))
    reasons = dict.fromkeys(pair.interim for pair in pairs if pair.interim is not None)
    if reasons:
        table.caption, table.caption_justify = f"Interim: {'; '.join(reasons)}.", "left"
    return table


def _comparison_columns(rows: Sequence[CellRow]) -> dict[str, Callable[[CellRow], str]]:
    """Return heading -> function that returns the text of a row."""
    name = name_interval(rows)
    columns = {
        "cell": lambda row: row.cell,
        "mean ± s.d.\n(seeds), %": lambda row: spread(row.score.mean, row.score.std, row.score.n),
        "points": _blank_for_baseline(lambda row: signed(100 * row.difference)),
    }
    if cover_test_set_only(rows):
        columns[f"{name},\ntest set only"] = _blank_for_baseline(write_interval)
    else:
        columns[name] = _blank_for_baseline(mark_test_set_only(write_interval, ",\n"))
    columns["verdict"] = _blank_for_baseline(lambda row: row.verdict_row.verdict)
    if any(row.verdict_row.seeds_needed > 0 for row in rows):
        columns["more\nseeds"] = _blank_for_baseline(write_more_seeds)
    columns["latency\nms"] = lambda row: number(row.clip.median_ms, 2)
    return columns


def _blank_for_baseline(text: Callable[[CellRow], str]) -> Callable[[CellRow], str]:
    """Return the same function, but with an empty text for the baseline."""
    return lambda row: "" if row.is_baseline else text(row)


def _table(title: str, headings: Sequence[str]) -> Table:
    """Return an empty table; numbers stay whole, other columns wrap where space is short.

    If only the first one could wrap, a narrow terminal would leave it no space at all.
    """
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column(headings[0], overflow="fold", min_width=10)
    for heading in headings[1:]:
        may_wrap = "interval" in heading or heading in ("verdict", "more\nseeds")
        table.add_column(heading, justify="right", no_wrap=not may_wrap)
    return table
