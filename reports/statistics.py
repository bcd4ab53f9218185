"""Arithmetic on records: means over seeds, and differences from the baseline."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Several seeds of one cell.

    Attributes:
        mean: NaN if there is no value.
        std: sample standard deviation; NaN below two values.
        n: values counted.
    """

    mean: float
    std: float
    n: int


def summarise(values: Iterable[float | None]) -> Summary:
    """Mean, sample standard deviation and count of the values that are there and finite."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    n = len(known)
    mean = sum(known) / n if n else math.nan
    squares = sum((value - mean) ** 2 for value in known)
    return Summary(mean, math.sqrt(squares / (n - 1)) if n > 1 else math.nan, n)


def relative_change(value: float, baseline: float) -> float:
    """(value - baseline) / baseline; NaN if either is not known or the baseline is 0."""
    return (value - baseline) / baseline if baseline else math.nan
