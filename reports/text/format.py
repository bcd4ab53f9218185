"""Numbers, names and tables as Markdown text. A value that was not measured is a dash."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from reports.analysis.comparison import SEEDS, TEST_SET, Difference
from reports.analysis.overview import CellRow
from reports.analysis.verdict import SEEDS_FOR_A_VERDICT

Row = TypeVar("Row")

MISSING = "–"  # noqa: RUF001  # an en dash
_MOST_DIGITS = 6
_SECONDS_IN = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
_FEW_SECONDS = 9.95  # below, a tenth of a second matters


def markdown_table(rows: Iterable[Row], columns: Mapping[str, Callable[[Row], str]]) -> str:
    """Write a Markdown table.

    Args:
        rows: the rows, one per line.
        columns: heading -> the text of a row's cell; the first column is left-aligned.
    """
    lines = [" | ".join(columns), " | ".join([":--", *["--:"] * (len(columns) - 1)])]
    lines += [" | ".join(text(row) for text in columns.values()) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def show_figure(file: str, title: str, caption: str) -> str:
    """Write a figure with its caption, which the page shows below it."""
    return f"![{title}]({file})\n*{caption}*"


def escape(text: str) -> str:
    """Escape text so that Markdown prints it as it is; ordinary names stay readable.

    Control characters are left out, as a terminal would obey them.
    """
    # Left out first: the spaces around them would hide the start of the line.
    visible = "".join(letter for letter in text if letter.isprintable() or letter.isspace())
    flat = " ".join(visible.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;")
    flat = re.sub(r"[\\`*\[\]|$~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", flat)
    # At the start of a line, these would make it a heading, a quotation, a rule or a list.
    flat = re.sub(r"^(#|>|[-+=](?=[-+=\s]|$))", r"\\\1", flat)
    return re.sub(r"^(\d{1,9})([.)])(?=\s|$)", r"\1\\\2", flat)


def code(text: str) -> str:
    """Return the lines of a text that Markdown prints as code, without control characters."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


def percent(fraction: float, digits: int = 2) -> str:
    """Format a fraction in percent: 0.7541 -> 75.41."""
    return MISSING if math.isnan(fraction) else f"{100 * fraction:.{digits}f}"


def signed(number: float, digits: int = 2, unit: str = "") -> str:
    """Format a number with its sign: 1.018 -> +1.02."""
    # Adding 0 turns -0.0 into 0.0.
    return MISSING if math.isnan(number) else f"{round(number, digits) + 0.0:+.{digits}f}{unit}"


def number(value: float, digits: int = 1) -> str:
    """Format a number with thousands separators: 12345.67 -> 12,345.7."""
    return MISSING if math.isnan(value) else f"{value:,.{digits}f}"


def interval(low: float, high: float, digits: int = 2) -> str:
    """Format the ends of an interval: 1.018, 3.1 -> +1.02 to +3.10."""
    if math.isnan(low):
        return MISSING
    # An end must not be rounded to 0, which would contradict a verdict.
    while digits < _MOST_DIGITS and any(end and not round(end, digits) for end in (low, high)):
        digits += 1
    return f"{low + 0.0:+.{digits}f} to {high + 0.0:+.{digits}f}"


def difference_interval(difference: Difference) -> str:
    """Format the interval of a difference of fractions in points.

    Two seeds leave one degree of freedom: such an interval would span more than all scores.
    """
    if SEEDS in difference.covers and difference.seeds < SEEDS_FOR_A_VERDICT:
        return MISSING
    return interval(100 * difference.low, 100 * difference.high)


def with_unit(verdict: str) -> str:
    """Add the unit to a verdict that ends in a margin: within 0.5 -> within 0.5 points."""
    return f"{verdict} point" if verdict.endswith(" 1") else f"{verdict} points"


def level(confidence: float) -> str:
    """Format the confidence of an interval: 0.95 -> 95 %, 0.9783 -> 97.8 %."""
    return f"{round(100 * confidence, 1):g} %"


def points(difference: Difference) -> str:
    """Format a difference of fractions: +1.02 points, 95 % interval -0.10 to +2.14."""
    if math.isnan(difference.mean):
        return "difference unknown"
    mean = f"{100 * difference.mean:+.2f} points"
    scope = f", {TEST_SET} only" if difference.covers == (TEST_SET,) else ""
    ends = difference_interval(difference)
    if ends == MISSING:
        return mean
    return f"{mean}, {level(difference.confidence)} interval {ends}{scope}"


def spread(mean: float, std: float, n: int) -> str:
    """Format a mean, its standard deviation and n: 0.5123, 0.0045, 3 -> 51.23 ± 0.45 (3)."""
    if n == 0:
        return MISSING
    return f"{percent(mean)} ± {percent(std)} ({n})" if n > 1 else f"{percent(mean)} (1)"


def duration(seconds: float) -> str:
    """Format seconds in at most two units: 23 -> 23 s, 52953 -> 14 h 42 min."""
    if math.isnan(seconds):
        return MISSING
    if round(seconds) < _SECONDS_IN["min"]:
        return f"{seconds:.1f} s" if seconds < _FEW_SECONDS else f"{round(seconds)} s"
    large, small = next(
        pair for pair in pairwise(_SECONDS_IN) if round(seconds) >= _SECONDS_IN[pair[0]]
    )
    count, rest = divmod(round(seconds), _SECONDS_IN[large])
    return f"{count} {large} {rest // _SECONDS_IN[small]} {small}"


def setting_value(value: Any) -> str:
    """Format the value of a setting: True -> true, None -> not set, 4 -> 4."""
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)


def first_names(names: Sequence[str], limit: int = 8, separator: str = ", ") -> str:
    """Join the first names of a list, and count the rest: a, b and 2 more."""
    more = len(names) - limit
    return separator.join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def name_interval(rows: Sequence[CellRow]) -> str:
    """Name the intervals of a table by their confidence, if they share it: 95 % interval."""
    levels = {level(row.verdict_row.confidence) for row in rows}
    return f"{levels.pop()} interval" if len(levels) == 1 else "interval"


def cover_test_set_only(rows: Sequence[CellRow]) -> bool:
    """Return whether a table has intervals, and all of them ignore the variation over seeds."""
    rows_with_interval = [row for row in rows if not math.isnan(row.interval[0])]
    covers = [row.verdict_row.covers for row in rows_with_interval]
    return bool(covers) and all(sources == (TEST_SET,) for sources in covers)


def mark_test_set_only(
    text: Callable[[CellRow], str], separator: str = ", "
) -> Callable[[CellRow], str]:
    """Mark the intervals that ignore the variation over seeds, in a table where some do not."""

    def mark(row: CellRow) -> str:
        is_marked = row.verdict_row.covers == (TEST_SET,)
        return text(row) + (f"{separator}test set only" if is_marked else "")

    return mark
