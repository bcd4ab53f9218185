"""What a difference shows: means over seeds, intervals, verdicts.

A difference between two cells varies for two reasons. Another seed gives another network: paired
differences of matching seeds show how much, with Student's t, since a bootstrap over three seeds
would cover 76 % instead of 95 %. Another test set gives other scores: `bootstrap.py` estimates how
much. The two variances are added; the degrees of freedom of the sum are Satterthwaite's. Variation
that depends on seed and frame together is in both terms, so the interval is a little too wide,
never too narrow.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
SEEDS_FOR_A_VERDICT = 3
BETTER, WORSE, NOT_SEPARABLE, NO_VERDICT = "better", "worse", "not separable", "no verdict"
SEEDS, TEST_SET = "seeds", "test set"  # the sources of variation
_STRETCHES = 3  # of a latency measurement: its worker processes


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


@dataclass(frozen=True)
class Variation:
    """The variance of a mean, and how reliable it is.

    Attributes:
        variance: NaN if it cannot be estimated.
        freedom: degrees of freedom of the estimate.
    """

    variance: float
    freedom: float


UNKNOWN_VARIATION = Variation(math.nan, math.nan)


@dataclass(frozen=True)
class Difference:
    """The score of one cell less that of another one, in the unit of the metric.

    Attributes:
        mean: over the seeds that both have; NaN if they share none.
        seeds: how many they share.
        deviation: standard deviation of the mean; NaN if neither source of variation is known.
        freedom: degrees of freedom of `deviation`.
        covers: the sources of variation that the interval covers, `SEEDS` or `TEST_SET`.
    """

    mean: float
    seeds: int
    deviation: float
    freedom: float
    covers: tuple[str, ...]

    @property
    def p_value(self) -> float:
        """The two-sided p-value of no difference; NaN where there is no interval."""
        if not self.deviation > 0:
            return math.nan if math.isnan(self.deviation) else float(self.mean == 0)
        return float(2 * stats.t.sf(abs(self.mean) / self.deviation, self.freedom))

    def interval(self, comparisons: int = 1) -> tuple[float, float]:
        """Return the 95 % interval, or one that holds for several comparisons (Bonferroni)."""
        if math.isnan(self.deviation):
            return math.nan, math.nan
        error = (1 - CONFIDENCE) / comparisons
        half = float(stats.t.ppf(1 - error / 2, self.freedom)) * self.deviation
        return self.mean - half, self.mean + half


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


def estimate_difference(
    paired: Sequence[float], over_test_sets: Variation = UNKNOWN_VARIATION
) -> Difference:
    """Average paired differences, and add up how much seeds and test set let the mean vary.

    Args:
        paired: the difference at each seed that two cells share.
        over_test_sets: the variation of the mean difference over test sets.
    """
    summary = summarise(paired)
    over_seeds = UNKNOWN_VARIATION
    if summary.n > 1:
        over_seeds = Variation(summary.std**2 / summary.n, summary.n - 1)
    sources = {SEEDS: over_seeds, TEST_SET: over_test_sets}
    parts = {name: v for name, v in sources.items() if not math.isnan(v.variance)}
    if summary.n == 0 or not parts:
        return Difference(summary.mean, summary.n, math.nan, math.nan, ())
    return Difference(
        summary.mean,
        summary.n,
        math.sqrt(sum(part.variance for part in parts.values())),
        _satterthwaite(list(parts.values())),
        tuple(parts),
    )


def _satterthwaite(parts: Sequence[Variation]) -> float:
    """Return the degrees of freedom of a sum of variances."""
    total = sum(part.variance for part in parts)
    if total == 0:
        return min(part.freedom for part in parts)
    return total**2 / sum(part.variance**2 / part.freedom for part in parts)


def assign_verdicts(differences: Sequence[Difference]) -> list[str]:
    """Judge several comparisons with one baseline as a family (Holm).

    With fewer than three shared seeds there is no verdict on means.
    """
    judged = [
        place
        for place, difference in enumerate(differences)
        if difference.seeds >= SEEDS_FOR_A_VERDICT and not math.isnan(difference.p_value)
    ]
    verdicts = [NO_VERDICT] * len(differences)
    adjusted = adjust_p_values([differences[place].p_value for place in judged])
    for place, p_value in zip(judged, adjusted, strict=True):
        direction = BETTER if differences[place].mean > 0 else WORSE
        verdicts[place] = direction if p_value < 1 - CONFIDENCE else NOT_SEPARABLE
    return verdicts


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's method; the order stays."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(np.argsort(p_values)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def median_ratio(values: Sequence[float], others: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of ratios paired by round, and its 95 % interval.

    Args:
        values: one latency a round, in the order of time.
        others: the baseline's, in the same rounds.

    Returns:
        ratio, low, high; the last two are NaN below three rounds, all are NaN without any.
    """
    if len(values) != len(others) or len(values) == 0:
        return math.nan, math.nan, math.nan  # not measured in the same rounds
    return median_interval(np.asarray(values) / np.asarray(others))


def median_interval(
    values: Sequence[float] | NDArray[np.float64],
) -> tuple[float, float, float]:
    """Return the median of one positive value a round, and its 95 % interval.

    Neighbouring rounds resemble each other, and all rounds of a worker process share what makes it
    slower or faster than another one. So not rounds but thirds of the measurement are the sample:
    Student's t over the logarithms of their medians. The thirds are the three worker processes,
    which measure one after the other, or stretches of the only one. With 30 rounds at an
    autocorrelation of 0.6 this covers 94 % (`tests/reports/analysis/test_statistics.py`), a
    bootstrap of single rounds 71 %. An effective number of rounds, from an estimated
    autocorrelation, covered 92 %, but 73 % where processes differ as much as independent rounds.

    Args:
        values: the latency of each round, for example, in the order of time.

    Returns:
        median, low, high; the last two are NaN below three rounds, all are NaN without any.
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

    NaN below two samples.
    """
    n = len(samples)
    if n < 2:
        return math.nan, math.nan
    deviation = float(np.std(np.log(samples), ddof=1)) / math.sqrt(n)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation
    return centre * math.exp(-half), centre * math.exp(half)
