"""Procedures that compute simultaneous intervals of comparisons: the report's, and its rivals.

Shapes: B studies, K cells with the baseline first, J = K - 1 comparisons, N seeds, D draws.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.verdict_simulation.studies import (
    Flags,
    TestSets,
    compare_with_baseline,
    has_enough_seeds,
)
from reports.analysis.inference import draw_test_set_errors, half_widths
from reports.analysis.seed_model import SeedErrors, sample_seed_errors

Numbers = NDArray[np.float64]

DRAWS, CHAINS = 400, 2
ERROR = 0.05
# The largest of a few hundred draws are exceeded slightly too often; this level compensates.
_CONFIDENCE = ((1 - ERROR) * (DRAWS + 1) - 1) / (DRAWS - 1)


@dataclass(frozen=True)
class Intervals:
    """Simultaneous intervals of differences whose true value is 0.

    Attributes:
        estimates: (B, J) the centres of the intervals.
        half_widths: (B, J) half of the widths of the intervals.
        is_judged: (B, J) whether a comparison gets a verdict.
        holm: the (B, J) deviations and degrees of freedom of a procedure whose verdicts follow
            Holm's method instead of its intervals, or None.
    """

    estimates: Numbers
    half_widths: Numbers
    is_judged: Flags
    holm: tuple[Numbers, Numbers] | None = None

    def separates(self, difference: Numbers | float = 0.0) -> Flags:
        """Return (B, J) whether cells are separable if the true differences are `difference`."""
        sizes = np.abs(self.estimates + difference)
        if self.holm is not None:
            deviations, freedom = self.holm
            return _holm(2 * stats.t.sf(sizes / deviations, freedom))
        return np.asarray((sizes > self.half_widths) & self.is_judged)

    def equates(self, margin: Numbers) -> Flags:
        """Return (B, J) whether cells are equivalent if the true differences are the margin."""
        reach = np.abs(self.estimates + margin) + self.half_widths
        return np.asarray((reach < margin) & self.is_judged)


def _holm(p_values: Numbers) -> Flags:
    """Return (B, J) whether the procedure of Holm 1979 rejects a hypothesis."""
    order = np.argsort(p_values, axis=1)
    count = p_values.shape[1]
    limits = ERROR / np.arange(count, 0, -1)
    is_below = np.take_along_axis(p_values, order, axis=1) <= limits
    is_rejected = np.empty_like(is_below)
    np.put_along_axis(is_rejected, order, np.logical_and.accumulate(is_below, axis=1), axis=1)
    return is_rejected


def sample_seeds(scores: Numbers, rng: np.random.Generator) -> SeedErrors:
    """Draw errors over seeds in the same way as a report, but fewer."""
    return sample_seed_errors(scores, DRAWS, rng, CHAINS)


def report_intervals(
    scores: Numbers, fit: SeedErrors, test_sets: TestSets, rng: np.random.Generator
) -> Intervals:
    """Return the intervals of a report.

    Args:
        scores: (B, K, N) scores, NaN for missing trials.
        fit: the draws over seeds, which do not depend on the test set.
        test_sets: the test sets, with the errors that they cause.
        rng: the generator for draws over test sets.
    """
    weights = compare_with_baseline(scores.shape[1] - 1)
    errors = fit.errors @ weights.T
    errors = errors + draw_test_set_errors(test_sets.estimate, weights, rng, DRAWS)
    is_judged = has_enough_seeds(scores)
    half, _ = half_widths(errors, is_judged, _CONFIDENCE)
    return Intervals((fit.estimates + test_sets.errors) @ weights.T, half, is_judged)


@dataclass(frozen=True)
class _Moments:
    """The statistics of complete studies from which the rivals compute intervals.

    Attributes:
        estimates: (B, J) the estimated differences.
        paired_variance: (B, J) the variance of a difference, with cells paired by seed.
        cell_variance: (B, J) the variance of a cell's mean over seeds.
        baseline_variance: (B, 1) the variance of the baseline's mean over seeds.
        test_set_variance: (B, J) the variance of a difference over test sets.
        seed_freedom: the degrees of freedom of the variances over seeds.
        test_set_freedom: the degrees of freedom of the variance over test sets.
    """

    estimates: Numbers
    paired_variance: Numbers
    cell_variance: Numbers
    baseline_variance: Numbers
    test_set_variance: Numbers
    seed_freedom: int
    test_set_freedom: float


def _moments(scores: Numbers, test_sets: TestSets) -> _Moments:
    seeds = scores.shape[2]
    weights = compare_with_baseline(scores.shape[1] - 1)
    covariance = weights @ test_sets.estimate.covariance @ weights.T
    variances = scores.var(axis=2, ddof=1) / seeds
    return _Moments(
        (scores.mean(axis=2) + test_sets.errors) @ weights.T,
        (scores[:, 1:] - scores[:, :1]).var(axis=2, ddof=1) / seeds,
        variances[:, 1:],
        variances[:, :1],
        np.diagonal(covariance, axis1=1, axis2=2),
        seeds - 1,
        test_sets.estimate.freedom,
    )


def _satterthwaite(parts: list[tuple[Numbers, float]]) -> Numbers:
    total = sum(variance for variance, _ in parts)
    return np.asarray(total**2 / sum(variance**2 / freedom for variance, freedom in parts))


def _t_intervals(m: _Moments, variance: Numbers, critical: Numbers | float) -> Intervals:
    half = np.sqrt(variance) * critical
    return Intervals(m.estimates, half, np.ones(half.shape, dtype=bool))


def _level(m: _Moments) -> float:
    return ERROR / m.estimates.shape[1] / 2


def paired_t(m: _Moments) -> Intervals:
    """Compute paired t intervals with Bonferroni; seeds alone give the degrees of freedom."""
    critical = stats.t.isf(_level(m), m.seed_freedom)
    return _t_intervals(m, m.paired_variance + m.test_set_variance, critical)


def welch(m: _Moments) -> Intervals:
    """Compute Welch's t intervals with Bonferroni: unpaired seeds, Satterthwaite's freedom."""
    parts = [
        (m.cell_variance, m.seed_freedom),
        (m.baseline_variance, m.seed_freedom),
        (m.test_set_variance, m.test_set_freedom),
    ]
    critical = stats.t.isf(_level(m), _satterthwaite(parts))
    variance = m.cell_variance + m.baseline_variance + m.test_set_variance
    return _t_intervals(m, variance, critical)


def cochran_cox(m: _Moments) -> Intervals:
    """Compute the intervals of Cochran and Cox 1950 with Bonferroni.

    Each source of variation has its own quantile; they are averaged with the variances as weights.
    """
    seed_quantile = stats.t.isf(_level(m), m.seed_freedom)
    test_set_quantile = stats.t.isf(_level(m), m.test_set_freedom)
    variance = m.paired_variance + m.test_set_variance
    weighted_sum = m.paired_variance * seed_quantile + m.test_set_variance * test_set_quantile
    critical = weighted_sum / variance
    return _t_intervals(m, variance, critical)


def satterthwaite(m: _Moments) -> Intervals:
    """Compute paired intervals with Bonferroni and Satterthwaite's freedom; Holm gives verdicts.

    Earlier versions of the report used this procedure.
    """
    parts = [
        (m.paired_variance, m.seed_freedom),
        (m.test_set_variance, m.test_set_freedom),
    ]
    variance = m.paired_variance + m.test_set_variance
    freedom = _satterthwaite(parts)
    intervals = _t_intervals(m, variance, stats.t.isf(_level(m), freedom))
    return replace(intervals, holm=(np.sqrt(variance), freedom))


RIVALS: dict[str, Callable[[_Moments], Intervals]] = {
    "Satterthwaite, Holm": satterthwaite,
    "Welch, Bonferroni": welch,
    "Cochran-Cox, Bonferroni": cochran_cox,
    "paired t, Bonferroni": paired_t,
}


def rival_intervals(scores: Numbers, test_sets: TestSets) -> dict[str, Intervals]:
    """Return the intervals of every rival, for scores without gaps."""
    moments = _moments(scores, test_sets)
    return {name: procedure(moments) for name, procedure in RIVALS.items()}
