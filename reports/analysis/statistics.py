"""Plain summaries of measurements: means over seeds, medians over rounds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
_STRETCHES = 3  # of a latency measurement: its worker processes


@dataclass(frozen=True)
class Summary:
    """The scores of several seeds of one cell.

    Attributes:
        mean: the mean; NaN if there is no score.
        std: the sample standard deviation; NaN for fewer than two scores.
        n: the number of scores.
    """

    mean: float
    std: float
    n: int


def summarise(values: Iterable[float | None]) -> Summary:
    """Compute mean, sample standard deviation and count; None and NaN are left out."""
    finite_values = [value for value in values if value is not None and math.isfinite(value)]
    n = len(finite_values)
    mean = sum(finite_values) / n if n else math.nan
    squares = sum((value - mean) ** 2 for value in finite_values)
    return Summary(mean, math.sqrt(squares / (n - 1)) if n > 1 else math.nan, n)


def relative_change(value: float, baseline: float) -> float:
    """Return (value - baseline) / baseline; NaN if either is NaN or the baseline is 0."""
    return (value - baseline) / baseline if baseline else math.nan


def median_ratio(values: Sequence[float], others: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of ratios paired by round, and its 95 % interval.

    Args:
        values: the latency of each round, in temporal order.
        others: the baseline's latency in the same rounds.

    Returns:
        ratio, low, high; low and high are NaN for fewer than three rounds, all are NaN for none.
    """
    if len(values) != len(others) or len(values) == 0:
        return math.nan, math.nan, math.nan  # not measured in the same rounds
    return median_interval(np.asarray(values) / np.asarray(others))


def median_interval(
    values: Sequence[float] | NDArray[np.float64],
) -> tuple[float, float, float]:
    """Return the median of one positive value per round, and its 95 % interval.

    Neighbouring rounds resemble each other, and all rounds of a worker process share what makes it
    slower or faster than another one. The sample therefore consists of thirds of the measurement
    instead of rounds, and the interval is Student's t over the logarithms of their medians. The
    thirds are the three worker processes, which measure one after the other, or stretches of the
    only one. With 30 rounds at an autocorrelation of 0.6 this covers 94 %
    (`tests/reports/analysis/test_statistics.py`), a bootstrap of individual rounds 71 %.
    An effective number of rounds, from an estimated autocorrelation, covered 92 %, but 73 % where
    processes differ as much as independent rounds.

    Args:
        values: the values in temporal order, for example the latency of each round.

    Returns:
        median, low, high; low and high are NaN for fewer than three rounds, all are NaN for none.
    """
    if len(values) == 0:
        return math.nan, math.nan, math.nan
    rounds: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    median = float(np.median(rounds))
    if len(rounds) < _STRETCHES:
        return median, math.nan, math.nan
    medians = [float(np.median(stretch)) for stretch in np.array_split(rounds, _STRETCHES)]
    low, high = spread_interval(median, medians)
    return median, low, high


def spread_interval(centre: float, samples: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a positive value from independent samples of it.

    Both ends are NaN for fewer than two samples.
    """
    n = len(samples)
    if n < 2:
        return math.nan, math.nan
    deviation = float(np.std(np.log(samples), ddof=1)) / math.sqrt(n)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation
    return centre * math.exp(-half), centre * math.exp(half)
