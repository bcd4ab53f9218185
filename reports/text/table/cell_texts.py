"""The texts of a row of the main table, one function per column."""

import math
from collections.abc import Sequence

from reports.analysis.comparison import SEEDS, TEST_SET
from reports.analysis.overview import CellRow, LatencyRow
from reports.analysis.verdict import NO_VERDICT
from reports.text.format import (
    MISSING,
    escape,
    interval,
    number,
    percent,
    signed,
    spread,
)

Rows = Sequence[CellRow]


def write_name(row: CellRow) -> str:
    """Write the name of a cell, in bold for the baseline."""
    return f"**{escape(row.cell)}** (baseline)" if row.is_baseline else escape(row.cell)


def write_score(row: CellRow) -> str:
    """Write mean and spread of a cell's scores."""
    return spread(row.score.mean, row.score.std, row.score.n)


def write_points(row: CellRow) -> str:
    """Write the difference from the baseline."""
    return signed(100 * row.difference)


def write_interval(row: CellRow) -> str:
    """Write the interval of the difference, unless it rests on too few seeds to mean anything."""
    if row.verdict_row.verdict == NO_VERDICT and SEEDS in row.verdict_row.covers:
        return MISSING
    low, high = row.interval
    return interval(100 * low, 100 * high)


def write_points_with_interval(row: CellRow) -> str:
    """Write the difference from the baseline, with its interval in parentheses."""
    ends = write_interval(row)
    return write_points(row) + (f" ({ends})" if ends != MISSING else "")


def write_verdict(row: CellRow) -> str:
    """Write the verdict on a cell."""
    return row.verdict_row.verdict


def write_more_seeds(row: CellRow) -> str:
    """Write how many more seeds would separate a cell from the baseline, if any number would."""
    count = row.verdict_row.seeds_needed
    if math.isnan(count):
        return MISSING
    if math.isinf(count):
        return "more will not help"
    return f"about {count:.0f}" if count else "0"


def write_best_share(row: CellRow) -> str:
    """Write how often a cell is the best, in percent."""
    return percent(row.verdict_row.best_share, 1)


def has_best_share(rows: Rows) -> bool:
    """Return whether any row has a share of being the best."""
    return any(not math.isnan(row.verdict_row.best_share) for row in rows)


def ranks_on_test_sets_only(rows: Rows) -> bool:
    """Return whether the shares of being the best ignore the variation over seeds."""
    return any(row.verdict_row.best_covers == (TEST_SET,) for row in rows)


def write_median(latency: LatencyRow) -> str:
    """Write a median latency in milliseconds."""
    return number(latency.median_ms, 2)


def write_p95(latency: LatencyRow) -> str:
    """Write the 95th percentile of a latency, with its interval if it has one."""
    p95 = number(latency.p95_ms, 2)
    if math.isnan(latency.p95_ms) or math.isnan(latency.p95_low_ms):
        return p95
    return f"{p95} ({number(latency.p95_low_ms, 2)} to {number(latency.p95_high_ms, 2)})"


def write_ratio(latency: LatencyRow) -> str:
    """Write the ratio of a latency to the baseline's, with its interval if it has one."""
    ratio = number(latency.ratio, 2)
    if math.isnan(latency.ratio) or math.isnan(latency.ratio_low):
        return ratio
    return f"{ratio} ({number(latency.ratio_low, 2)} to {number(latency.ratio_high, 2)})"


def write_relative(fraction: float, digits: int) -> str:
    """Write a relative change in percent."""
    return signed(100 * fraction, digits, " %")
