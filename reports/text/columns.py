"""The columns of the main table: in the report, in a paper and in a terminal.

`COLUMNS` is the only list of them. A column is printed wherever it has a heading; None leaves it
out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports.analysis.comparison import TEST_SET
from reports.analysis.overview import CellRow, LatencyRow
from reports.text.format import (
    MISSING,
    cover_test_set_only,
    duration,
    escape,
    interval,
    mark_test_set_only,
    name_interval,
    number,
    percent,
    signed,
    spread,
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
        paper: the heading in table.tex.
        terminal: the heading in the terminal, with its line breaks.
        order: the order of rows sorted by this column; None if they cannot be sorted by it.
        is_needed: a function that returns whether report and paper show the column, given all rows.
    """

    text: Text
    report: str | None = None
    paper: str | None = None
    terminal: str | None = None
    order: Order | None = None
    is_needed: Callable[[Rows], bool] = lambda rows: True


def report_columns(rows: Rows) -> dict[str, Text]:
    """Return heading -> text for the report, without columns that it does not need."""
    return _select(rows, lambda column: column.report)


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


def _cell(row: CellRow) -> str:
    return f"**{escape(row.cell)}** (baseline)" if row.is_baseline else escape(row.cell)


def _score(row: CellRow) -> str:
    return spread(row.score.mean, row.score.std, row.score.n)


def _points(row: CellRow) -> str:
    return signed(100 * row.difference)


def _interval_points(ends: tuple[float, float]) -> str:
    return interval(100 * ends[0], 100 * ends[1])


def _points_with_interval(row: CellRow) -> str:
    ends = _interval_points(row.interval)
    return _points(row) + (f" ({ends})" if ends != MISSING else "")


def more_seeds(row: CellRow) -> str:
    """Write how many more seeds would separate a cell from the baseline, if any number would."""
    count = row.verdict_row.seeds_needed
    if math.isnan(count):
        return MISSING
    if math.isinf(count):
        return "more will not help"
    return f"about {count:.0f}" if count else "0"


def _verdict(row: CellRow) -> str:
    return row.verdict_row.verdict


def _best_share(row: CellRow) -> str:
    return percent(row.verdict_row.best_share, 1)


def _has_best_share(rows: Rows) -> bool:
    return any(not math.isnan(row.verdict_row.best_share) for row in rows)


def _ranks_on_test_sets_only(rows: Rows) -> bool:
    return any(row.verdict_row.best_covers == (TEST_SET,) for row in rows)


def _latency(latency: LatencyRow) -> str:
    if math.isnan(latency.median_ms):
        return MISSING
    if math.isnan(latency.p95_ms):
        return number(latency.median_ms, 2)
    p95 = number(latency.p95_ms, 2)
    if not math.isnan(latency.p95_low_ms):
        p95 += f", {number(latency.p95_low_ms, 2)} to {number(latency.p95_high_ms, 2)}"
    return f"{number(latency.median_ms, 2)} ({p95})"


def _ratio(latency: LatencyRow) -> str:
    ratio = number(latency.ratio, 2)
    if math.isnan(latency.ratio) or math.isnan(latency.ratio_low):
        return ratio
    return f"{ratio} ({number(latency.ratio_low, 2)} to {number(latency.ratio_high, 2)})"


def _relative(fraction: float, digits: int) -> str:
    return signed(100 * fraction, digits, " %")


_HAS_STREAMING = _has_value(lambda row: row.streaming.median_ms)

COLUMNS = (
    Column(_cell, report="cell", order=Order("cell", lambda row: row.cell)),
    Column(lambda row: row.cell, paper="cell", terminal="cell"),
    Column(
        _score,
        report="mIoU %, mean ± s.d. (seeds)",
        paper="mIoU % (seeds)",
        terminal="mIoU %",
        order=Order("miou", lambda row: row.score.mean, highest_first=True),
    ),
    Column(
        mark_test_set_only(_points_with_interval),
        report=f"difference, points ({_INTERVAL})",
        order=Order("difference", lambda row: row.difference, highest_first=True),
        is_needed=lambda rows: not cover_test_set_only(rows),
    ),
    Column(
        _points_with_interval,
        report=f"difference, points ({_INTERVAL}, test set only)",
        is_needed=cover_test_set_only,
    ),
    Column(_points, paper="points", terminal="points"),
    Column(
        mark_test_set_only(lambda row: _interval_points(row.interval)),
        paper=_INTERVAL,
        is_needed=lambda rows: not cover_test_set_only(rows),
    ),
    Column(
        lambda row: _interval_points(row.interval),
        paper=f"{_INTERVAL}, test set only",
        is_needed=cover_test_set_only,
    ),
    Column(_verdict, report="verdict", paper="verdict", terminal="verdict"),
    Column(
        more_seeds,
        report="more seeds needed",
        is_needed=lambda rows: any(row.verdict_row.seeds_needed > 0 for row in rows),
    ),
    Column(
        _best_share,
        report="best, % of draws",
        is_needed=lambda rows: _has_best_share(rows) and not _ranks_on_test_sets_only(rows),
    ),
    Column(
        _best_share,
        report="best, % of draws, test set only",
        is_needed=_ranks_on_test_sets_only,
    ),
    Column(
        lambda row: _latency(row.clip),
        report="clip latency, ms (p95)",
        order=Order("latency", lambda row: row.clip.median_ms),
    ),
    Column(lambda row: _ratio(row.clip), report="clip latency, ratio"),
    Column(
        lambda row: _latency(row.streaming),
        report="streaming latency, ms (p95)",
        order=Order("streaming", lambda row: row.streaming.median_ms),
        is_needed=_HAS_STREAMING,
    ),
    Column(
        lambda row: _ratio(row.streaming),
        report="streaming latency, ratio",
        is_needed=_HAS_STREAMING,
    ),
    Column(
        lambda row: duration(row.train_seconds),
        report="training time",
        paper="training time",
        terminal="training\ntime",
        order=Order("training-time", lambda row: row.train_seconds),
    ),
    Column(lambda row: _relative(row.relative_train_seconds, 1), report="relative training time"),
    Column(lambda row: number(row.clip.median_ms, 2), paper="clip, ms", terminal="latency\nms"),
    Column(lambda row: number(row.streaming.median_ms, 2), paper="streaming, ms"),
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
    Column(lambda row: _relative(row.relative_difference, 2), report="relative difference"),
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
