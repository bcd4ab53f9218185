"""The columns of the main table: in the report, in a paper and in a terminal.

`COLUMNS` is the only list of them. A column is printed wherever it has a heading; None leaves it
out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports.analysis.overview import CellRow
from reports.text.format import (
    cover_test_set_only,
    duration,
    mark_test_set_only,
    name_interval,
    number,
    percent,
)
from reports.text.table.cell_texts import (
    has_best_share,
    ranks_on_test_sets_only,
    write_best_share,
    write_interval,
    write_median,
    write_more_seeds,
    write_name,
    write_p95,
    write_points,
    write_points_with_interval,
    write_ratio,
    write_relative,
    write_score,
    write_verdict,
)

_INTERVAL = "{interval}"  # in a heading: replaced by the name of the intervals
Rows = Sequence[CellRow]
Text = Callable[[CellRow], str]


@dataclass(frozen=True)
class Order:
    """A sort order for rows.

    Attributes:
        name: the name of the order on the command line.
        value: a function that returns the value that a row is sorted by; NaN if not measured.
        highest_first: whether the best row has the highest value.
    """

    name: str
    value: Callable[[CellRow], float | str]
    highest_first: bool = False


@dataclass(frozen=True)
class Column:
    """A column of the main table.

    Attributes:
        text: a function that returns the text of a row.
        report: the heading in report.md and report.html.
        is_main: whether the report shows it at once, and not below "More columns".
        paper: the heading in table.tex.
        terminal: the heading in the terminal, with its line breaks.
        order: the order of rows sorted by this column; None if they cannot be sorted by it.
        is_needed: a function that returns whether report and paper show the column, given all rows.
    """

    text: Text
    report: str | None = None
    is_main: bool = False
    paper: str | None = None
    terminal: str | None = None
    order: Order | None = None
    is_needed: Callable[[Rows], bool] = lambda rows: True


def report_columns(rows: Rows) -> dict[str, Text]:
    """Return heading -> text for the main table of the report: as many as fit on a page."""
    return _select(rows, lambda column: column.report if column.is_main else None)


def more_report_columns(rows: Rows) -> dict[str, Text]:
    """Return heading -> text for the other columns that the report needs, if there are any."""
    more = _select(rows, lambda column: None if column.is_main else column.report)
    return {"cell": write_name, **more} if more else {}


def paper_columns(rows: Rows) -> dict[str, Text]:
    """Return heading -> text for a table in a paper, without columns that it does not need."""
    return _select(rows, lambda column: column.paper)


def _select(rows: Rows, heading: Callable[[Column], str | None]) -> dict[str, Text]:
    headings = [(heading(column), column) for column in COLUMNS if column.is_needed(rows)]
    name = name_interval(rows)
    return {text.replace(_INTERVAL, name): column.text for text, column in headings if text}


def terminal_columns() -> dict[str, Text]:
    """Return heading -> text for a table in the terminal."""
    return {c.terminal: c.text for c in COLUMNS if c.terminal is not None}


def orders() -> Mapping[str, Order]:
    """Return every order that rows can be sorted by: name -> order."""
    return {c.order.name: c.order for c in COLUMNS if c.order is not None}


def sort_rows(rows: Rows, name: str | None) -> Rows:
    """Sort rows by one of `orders()`, the best first; None leaves them in the order of the spec.

    Rows without a value come last; equal rows stay in the order of the spec.

    Raises:
        ValueError: if there is no such order.
    """
    if name is None:
        return rows
    if name not in orders():
        raise ValueError(f"cannot sort by '{name}' (choose from {', '.join(orders())})")
    order = orders()[name]
    with_value = [row for row in rows if not _is_nan(order.value(row))]
    without_value = [row for row in rows if _is_nan(order.value(row))]
    return sorted(with_value, key=order.value, reverse=order.highest_first) + without_value


def _is_nan(value: float | str) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _has_value(value: Callable[[CellRow], float]) -> Callable[[Rows], bool]:
    return lambda rows: any(not math.isnan(value(row)) for row in rows)


_HAS_STREAMING = _has_value(lambda row: row.streaming.median_ms)

COLUMNS = (
    Column(write_name, report="cell", is_main=True, order=Order("cell", lambda row: row.cell)),
    Column(lambda row: row.cell, paper="cell", terminal="cell"),
    Column(
        write_score,
        report="mIoU %, mean ± s.d. (seeds)",
        is_main=True,
        paper="mIoU % (seeds)",
        terminal="mIoU %",
        order=Order("miou", lambda row: row.score.mean, highest_first=True),
    ),
    Column(
        mark_test_set_only(write_points_with_interval),
        report=f"difference, points ({_INTERVAL})",
        is_main=True,
        order=Order("difference", lambda row: row.difference, highest_first=True),
        is_needed=lambda rows: not cover_test_set_only(rows),
    ),
    Column(
        write_points_with_interval,
        report=f"difference, points ({_INTERVAL}, test set only)",
        is_main=True,
        is_needed=cover_test_set_only,
    ),
    Column(write_points, paper="points", terminal="points"),
    Column(
        mark_test_set_only(write_interval),
        paper=_INTERVAL,
        is_needed=lambda rows: not cover_test_set_only(rows),
    ),
    Column(
        write_interval,
        paper=f"{_INTERVAL}, test set only",
        is_needed=cover_test_set_only,
    ),
    Column(write_verdict, report="verdict", is_main=True, paper="verdict", terminal="verdict"),
    Column(
        write_more_seeds,
        report="more seeds needed",
        is_needed=lambda rows: any(row.verdict_row.seeds_needed > 0 for row in rows),
    ),
    Column(
        write_best_share,
        report="best, % of draws",
        is_needed=lambda rows: has_best_share(rows) and not ranks_on_test_sets_only(rows),
    ),
    Column(
        write_best_share,
        report="best, % of draws, test set only",
        is_needed=ranks_on_test_sets_only,
    ),
    Column(
        lambda row: write_median(row.clip),
        report="clip latency, ms",
        is_main=True,
        order=Order("latency", lambda row: row.clip.median_ms),
    ),
    Column(
        lambda row: write_p95(row.clip),
        report="p95 of clip latency, ms",
        is_needed=_has_value(lambda row: row.clip.p95_ms),
    ),
    Column(lambda row: write_ratio(row.clip), report="clip latency, ratio"),
    Column(
        lambda row: write_median(row.streaming),
        report="streaming latency, ms",
        order=Order("streaming", lambda row: row.streaming.median_ms),
        is_needed=_HAS_STREAMING,
    ),
    Column(
        lambda row: write_p95(row.streaming),
        report="p95 of streaming latency, ms",
        is_needed=_has_value(lambda row: row.streaming.p95_ms),
    ),
    Column(
        lambda row: write_ratio(row.streaming),
        report="streaming latency, ratio",
        is_needed=_HAS_STREAMING,
    ),
    Column(
        lambda row: duration(row.train_seconds),
        report="training time",
        is_main=True,
        paper="training time",
        terminal="training\ntime",
        order=Order("training-time", lambda row: row.train_seconds),
    ),
    Column(
        lambda row: write_relative(row.relative_train_seconds, 1), report="relative training time"
    ),
    Column(lambda row: write_median(row.clip), paper="clip, ms", terminal="latency\nms"),
    Column(lambda row: write_median(row.streaming), paper="streaming, ms"),
    Column(
        lambda row: number(row.parameters / 1e6, 2),
        report="parameters, M",
        paper="parameters, M",
        order=Order("parameters", lambda row: row.parameters),
    ),
    Column(
        lambda row: number(row.gflops, 1),
        report="GFLOPs",
        order=Order("gflops", lambda row: row.gflops),
        is_needed=_has_value(lambda row: row.gflops),
    ),
    Column(
        lambda row: number(row.memory_mib, 0),
        report="peak inference memory, MiB",
        order=Order("inference-memory", lambda row: row.memory_mib),
        is_needed=_has_value(lambda row: row.memory_mib),
    ),
    Column(
        lambda row: number(row.peak_memory_mib, 0),
        report="peak training memory, MiB",
        order=Order("training-memory", lambda row: row.peak_memory_mib),
    ),
    Column(lambda row: write_relative(row.relative_difference, 2), report="relative difference"),
    Column(
        lambda row: percent(row.published_miou),
        report="published mIoU % (different protocol)",
        is_needed=_has_value(lambda row: row.published_miou),
    ),
    Column(
        lambda row: duration(row.published_seconds),
        report="published training time",
        is_needed=_has_value(lambda row: row.published_seconds),
    ),
)
