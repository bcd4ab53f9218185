"""Plain summaries of measurements: means over seeds, medians over rounds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """The scores of several seeds of one cell.

    Attributes:
        mean: NaN without any score.
        std: sample standard deviation; NaN below two scores.
        n: scores counted.
    """

    mean: float
    std: float
    n: int


def summarise(values: Iterable[float | None]) -> Summary:
    """Compute mean, sample standard deviation and count; None and NaN are left out."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    n = len(finite)
    mean = sum(finite) / n if n else math.nan
    squares = sum((value - mean) ** 2 for value in finite)
    return Summary(mean, math.sqrt(squares / (n - 1)) if n > 1 else math.nan, n)


def relative_change(value: float, baseline: float) -> float:
    """Return (value - baseline) / baseline; NaN if either is NaN or the baseline is 0."""
    return (value - baseline) / baseline if baseline else math.nan


def median_ratio(
    values: Sequence[float], others: Sequence[float], draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Return the median of ratios paired by round, and its 95 % bootstrap interval.

    Args:
        values: one latency a round.
        others: the baseline's, in the same rounds.
        draws: bootstrap samples of rounds.
        seed: of the draws.

    Returns:
        ratio, low, high; the last two are NaN below two rounds, all are NaN without any.
    """
    if len(values) != len(others) or len(values) == 0:
        return math.nan, math.nan, math.nan  # not measured in the same rounds
    return median_interval(np.asarray(values) / np.asarray(others), draws, seed)


def median_interval(
    values: Sequence[float] | NDArray[np.float64], draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Return the median of one value a round, and its 95 % bootstrap interval.

    Args:
        values: the latency of each round, for example.
        draws: bootstrap samples of rounds.
        seed: of the draws.

    Returns:
        median, low, high; the last two are NaN below two rounds, all are NaN without any.
    """
    if len(values) == 0:
        return math.nan, math.nan, math.nan
    rounds: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if len(rounds) == 1:
        return float(rounds[0]), math.nan, math.nan
    picked = np.random.default_rng(seed).integers(len(rounds), size=(draws, len(rounds)))
    error = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(rounds[picked], axis=1), [error, 100 - error])
    return float(np.median(rounds)), float(low), float(high)
