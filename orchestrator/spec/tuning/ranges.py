"""What a search may choose a setting from: a list of values, or all numbers between two."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from vss.suggestions import did_you_mean
from vss.untrusted.messages import excerpt, excerpt_name

Kind = Literal["log_uniform", "uniform", "integer"]
DIGITS = 4  # of a number that is drawn; the same on all machines, and short enough to be read
_MOST_VALUES = 100
_BORDER_SHARE = 0.05  # of a range, at either end
_EXAMPLE = "{log_uniform: [0.0001, 0.01]}"


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`, both included.

    Attributes:
        kind: log_uniform if every order of magnitude is as likely, integer for whole numbers.
    """

    kind: Kind
    low: float
    high: float

    def extremes(self) -> list[Any]:
        """Return the values that a setting must be able to take."""
        return [self.low, self.high]

    def middle(self) -> Any:
        """Return a typical value."""
        if self.kind == "log_uniform":
            return round_number(math.sqrt(self.low * self.high))
        middle = (self.low + self.high) / 2
        return int(middle) if self.kind == "integer" else round_number(middle)

    def find_border(self, value: Any) -> str | None:
        """Return "lower" or "upper" if a value lies at an end of the range, else None."""
        position = self._position(value)
        if position <= _BORDER_SHARE:
            return "lower" if self.low > 0 else None  # nothing that can be searched is negative
        return "upper" if position >= 1 - _BORDER_SHARE else None

    def clip(self, value: float) -> float:
        """Return a value that was drawn, rounded, and not outside the range by rounding."""
        if self.kind == "integer":
            return int(value)
        return min(max(round_number(value), self.low), self.high)

    def _position(self, value: float) -> float:
        """Return where a value lies, from 0 to 1."""
        low, high = self.low, self.high
        if self.kind == "log_uniform":
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)

    def __str__(self) -> str:
        scale = {"log_uniform": ", log-uniform", "integer": ", whole numbers"}.get(self.kind, "")
        return f"{self.low:g} to {self.high:g}{scale}"


@dataclass(frozen=True)
class Choice:
    """Values of which one is chosen."""

    values: tuple[Any, ...]

    def extremes(self) -> list[Any]:
        """Return the values that a setting must be able to take."""
        return list(self.values)

    def middle(self) -> Any:
        """Return a typical value."""
        return self.values[0]

    def find_border(self, value: Any) -> str | None:
        """Return "lower" or "upper" if a number is the smallest or largest of three or more."""
        if len(self.values) < 3 or not all(_is_number(each) for each in self.values):
            return None
        if value == min(self.values):
            return "lower" if value > 0 else None  # nothing that can be searched is negative
        return "upper" if value == max(self.values) else None

    def __str__(self) -> str:
        return ", ".join(f"{v:g}" if _is_number(v) else str(v).lower() for v in self.values)


Range = Interval | Choice


def parse_range(setting: str, content: Any) -> Range:
    """Parse what a spec states for one setting under `tune.search`.

    Raises:
        ValueError: if it is neither a list of values nor a range.
    """
    if isinstance(content, list):
        return _parse_choice(setting, content)
    if not isinstance(content, Mapping) or len(content) != 1:
        raise ValueError(
            f"'{setting}' must be a list of values such as [0, 0.01], or a range such as "
            f"{_EXAMPLE} (got {excerpt(content)})"
        )
    ((kind, bounds),) = content.items()
    kinds = dict.fromkeys(get_args(Kind))
    if kind not in kinds:
        hint = did_you_mean(kind, kinds) or f" (choose from {', '.join(kinds)})"
        raise ValueError(f"'{setting}': unknown kind of range '{excerpt_name(kind)}'{hint}")
    return _parse_interval(setting, kind, bounds)


def round_number(value: float) -> float:
    """Round a number to a few significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _parse_choice(setting: str, values: Sequence[Any]) -> Choice:
    if not 2 <= len(values) <= _MOST_VALUES:
        raise ValueError(
            f"'{setting}' must have 2 to {_MOST_VALUES} values (got {len(values)}); state a single "
            "one in base"
        )
    texts = [repr(float(value) if _is_number(value) else value) for value in values]
    if len(set(texts)) < len(texts):
        raise ValueError(f"'{setting}' lists a value twice (got {excerpt(list(values))})")
    return Choice(tuple(values))


def _parse_interval(setting: str, kind: Kind, bounds: Any) -> Interval:
    is_pair = isinstance(bounds, list) and len(bounds) == 2 and all(map(_is_number, bounds))
    if not is_pair or not bounds[0] < bounds[1]:
        raise ValueError(
            f"'{setting}': {kind} needs two numbers, the smaller one first, such as {_EXAMPLE} "
            f"(got {excerpt(bounds)})"
        )
    low, high = bounds
    if kind == "log_uniform" and low <= 0:
        raise ValueError(
            f"'{setting}': log_uniform needs numbers above 0 (got {excerpt(bounds)}); to try 0 "
            "too, list values"
        )
    if kind == "integer" and not all(isinstance(bound, int) for bound in bounds):
        raise ValueError(f"'{setting}': integer needs whole numbers (got {excerpt(bounds)})")
    return Interval(kind, low, high)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max  # which no NaN is
