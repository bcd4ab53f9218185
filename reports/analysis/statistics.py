"""What can be said of a difference: means over seeds, intervals, verdicts.

A difference between two cells varies for two reasons. Another seed gives another network: the
paired differences of matching seeds say how much, with Student's t, since a bootstrap over three
seeds would cover 76 % instead of 95 %. Another test set gives other scores: `resampling.py` says
how much. Both variances are added; the degrees of freedom of the sum are Satterthwaite's. What
depends on seed and frame together is in both terms: the interval is then a little too wide, never
too narrow.
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


@dataclass(frozen=True)
class Variation:
    """A variance of a mean, and how well it is known.

    Attributes:
        variance: NaN if it cannot be estimated.
        freedom: degrees of freedom of the estimate.
    """

    variance: float
    freedom: float


UNKNOWN = Variation(math.nan, math.nan)


@dataclass(frozen=True)
class Difference:
    """A cell less another one, in the unit of the metric.

    Attributes:
        mean: over the seeds that both have; NaN if they share none.
        seeds: how many they share.
        deviation: standard deviation of the mean; NaN if neither source of variation is known.
        freedom: degrees of freedom of `deviation`.
        covers: the sources of variation that the interval covers: "seeds", "test set".
    """

    mean: float
    seeds: int
    deviation: float
    freedom: float
    covers: tuple[str, ...]

    @property
    def p_value(self) -> float:
        """Of no difference, two-sided; NaN where there is no interval."""
        if not self.deviation > 0:
            return math.nan if math.isnan(self.deviation) else float(self.mean == 0)
        return float(2 * stats.t.sf(abs(self.mean) / self.deviation, self.freedom))

    def interval(self, comparisons: int = 1) -> tuple[float, float]:
        """The 95 % interval; of several comparisons, one that holds for all (Bonferroni)."""
        if math.isnan(self.deviation):
            return math.nan, math.nan
        error = (1 - CONFIDENCE) / comparisons
        half = float(stats.t.ppf(1 - error / 2, self.freedom)) * self.deviation
        return self.mean - half, self.mean + half


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


def difference(paired: Sequence[float], of_test_set: Variation = UNKNOWN) -> Difference:
    """The mean of paired differences, with what seeds and test set let it vary.

    Args:
        paired: the difference of each seed that two cells share.
        of_test_set: the variation of the mean difference over test sets.
    """
    found = summarise(paired)
    of_seeds = UNKNOWN if found.n < 2 else Variation(found.std**2 / found.n, found.n - 1)
    sources = {"seeds": of_seeds, "test set": of_test_set}
    known = {name: v for name, v in sources.items() if not math.isnan(v.variance)}
    if found.n == 0 or not known:
        return Difference(found.mean, found.n, math.nan, math.nan, ())
    total = sum(v.variance for v in known.values())
    return Difference(
        found.mean, found.n, math.sqrt(total), _satterthwaite(list(known.values())), tuple(known)
    )


def _satterthwaite(parts: Sequence[Variation]) -> float:
    """Degrees of freedom of a sum of variances."""
    total = sum(part.variance for part in parts)
    if total == 0:
        return min(part.freedom for part in parts)
    return total**2 / sum(part.variance**2 / part.freedom for part in parts)


def verdicts(differences: Sequence[Difference]) -> list[str]:
    """What several comparisons with one baseline show, as a family (Holm).

    Fewer than three shared seeds get no verdict on means.
    """
    judged = [i for i, d in enumerate(differences) if d.seeds >= SEEDS_FOR_A_VERDICT]
    judged = [i for i in judged if not math.isnan(differences[i].p_value)]
    found = [NO_VERDICT] * len(differences)
    adjusted = holm([differences[i].p_value for i in judged])
    for i, p_value in zip(judged, adjusted, strict=True):
        apart = BETTER if differences[i].mean > 0 else WORSE
        found[i] = apart if p_value < 1 - CONFIDENCE else NOT_SEPARABLE
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values, in the order given."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(np.argsort(p_values)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def median_ratio(
    values: Sequence[float], others: Sequence[float], draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """The median of ratios paired by round, and its 95 % bootstrap interval.

    Args:
        values: one latency a round.
        others: those of the baseline, of the same rounds.
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
    """The median of one value a round, and its 95 % bootstrap interval.

    Args:
        values: for example the latency of each round.
        draws: bootstrap samples of rounds.
        seed: of the draws.

    Returns:
        median, low, high; the last two are NaN below two rounds, all are NaN without any.
    """
    if len(values) == 0:
        return math.nan, math.nan, math.nan
    known: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if len(known) == 1:
        return float(known[0]), math.nan, math.nan
    picked = np.random.default_rng(seed).integers(len(known), size=(draws, len(known)))
    error = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(known[picked], axis=1), [error, 100 - error])
    return float(np.median(known)), float(low), float(high)
