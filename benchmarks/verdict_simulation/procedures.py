"""Procedures that give the comparisons of a study simultaneous intervals: the report's, and rivals.

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
    find_judged,
)
from reports.analysis.inference import draw_test_set_errors, half_widths
from reports.analysis.seed_model import SeedErrors, sample_seed_errors

Numbers = NDArray[np.float64]

DRAWS, CHAINS = 400, 2
ERROR = 0.05
# The largest of so few draws are exceeded a little too often; this level makes up for it.
_CONFIDENCE = ((1 - ERROR) * (DRAWS + 1) - 1) / (DRAWS - 1)


@dataclass(frozen=True)
class Intervals:
    """Simultaneous intervals of differences that are truly 0: `estimates` ± `halves`, (B, J).

    Attributes:
        judged: (B, J) the comparisons that count.
        holm: the (B, J) deviations and degrees of freedom of a procedure that decides by Holm's
            method and not by its intervals.
    """

    estimates: Numbers
    halves: Numbers
    judged: Flags
    holm: tuple[Numbers, Numbers] | None = None

    def separates(self, difference: Numbers | float = 0.0) -> Flags:
        """Return (B, J) whether a verdict is given where the true differences are `difference`."""
        sizes = np.abs(self.estimates + difference)
        if self.holm is not None:
            deviations, freedom = self.holm
            return _holm(2 * stats.t.sf(sizes / deviations, freedom))
        return np.asarray((sizes > self.halves) & self.judged)

    def equates(self, margin: Numbers) -> Flags:
        """Return (B, J) whether the interval lies inside the margin, which is the difference."""
        reach = np.abs(self.estimates + margin) + self.halves
        return np.asarray((reach < margin) & self.judged)


def _holm(p_values: Numbers) -> Flags:
    """Return (B, J) what Holm 1979 rejects."""
    order = np.argsort(p_values, axis=1)
    count = p_values.shape[1]
    limits = ERROR / np.arange(count, 0, -1)
    below = np.take_along_axis(p_values, order, axis=1) <= limits
    rejected = np.empty_like(below)
    np.put_along_axis(rejected, order, np.logical_and.accumulate(below, axis=1), axis=1)
    return rejected


def sample_seeds(scores: Numbers, rng: np.random.Generator) -> SeedErrors:
    """Draw the errors over seeds as a report does, with fewer draws."""
    return sample_seed_errors(scores, DRAWS, rng, CHAINS)


def report_intervals(
    scores: Numbers, fit: SeedErrors, test_sets: TestSets, rng: np.random.Generator
) -> Intervals:
    """Return the intervals of a report.

    Args:
        scores: (B, K, N).
        fit: the draws over seeds, which do not depend on the test set.
        test_sets: the error of the test set.
        rng: the source of the draws over test sets.
    """
    weights = compare_with_baseline(scores.shape[1] - 1)
    errors = fit.errors @ weights.T
    errors = errors + draw_test_set_errors(test_sets.estimate, weights, rng, DRAWS)
    judged = find_judged(scores)
    halves, _ = half_widths(errors, judged, _CONFIDENCE)
    return Intervals((fit.estimates + test_sets.errors) @ weights.T, halves, judged)


@dataclass(frozen=True)
class _Moments:
    """What procedures without moderation see of complete studies, (B, J) each."""

    estimates: Numbers
    paired: Numbers  # variance over seeds of a difference's mean, seed by seed
    own: Numbers  # variance of a cell's mean
    baseline: Numbers  # variance of the baseline's mean
    over_test_sets: Numbers
    seed_freedom: int
    test_freedom: float


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
    halves = np.sqrt(variance) * critical
    return Intervals(m.estimates, halves, np.ones(halves.shape, dtype=bool))


def _level(m: _Moments) -> float:
    return ERROR / m.estimates.shape[1] / 2


def paired_t(m: _Moments) -> Intervals:
    """Paired t with Bonferroni; the degrees of freedom are those of the seeds."""
    critical = stats.t.isf(_level(m), m.seed_freedom)
    return _t_intervals(m, m.paired + m.over_test_sets, critical)


def welch(m: _Moments) -> Intervals:
    """Welch's t with Bonferroni: seeds unpaired, degrees of freedom by Satterthwaite."""
    parts = [
        (m.own, m.seed_freedom),
        (m.baseline, m.seed_freedom),
        (m.over_test_sets, m.test_freedom),
    ]
    critical = stats.t.isf(_level(m), _satterthwaite(parts))
    return _t_intervals(m, m.own + m.baseline + m.over_test_sets, critical)


def cochran_cox(m: _Moments) -> Intervals:
    """Cochran and Cox 1950 with Bonferroni: quantiles weighted by the variances they belong to."""
    seeds, test_set = stats.t.isf(_level(m), m.seed_freedom), stats.t.isf(_level(m), m.test_freedom)
    variance = m.paired + m.over_test_sets
    critical = (m.paired * seeds + m.over_test_sets * test_set) / variance
    return _t_intervals(m, variance, critical)


def satterthwaite(m: _Moments) -> Intervals:
    """Paired, degrees of freedom by Satterthwaite; verdicts by Holm, intervals by Bonferroni.

    This is what reports did before.
    """
    parts = [(m.paired, m.seed_freedom), (m.over_test_sets, m.test_freedom)]
    variance, freedom = m.paired + m.over_test_sets, _satterthwaite(parts)
    intervals = _t_intervals(m, variance, stats.t.isf(_level(m), freedom))
    return replace(intervals, holm=(np.sqrt(variance), freedom))


RIVALS: dict[str, Callable[[_Moments], Intervals]] = {
    "before (Satterthwaite, Holm)": satterthwaite,
    "Welch, Bonferroni": welch,
    "Cochran-Cox, Bonferroni": cochran_cox,
    "paired t, Bonferroni": paired_t,
}


def rival_intervals(scores: Numbers, test_sets: TestSets) -> dict[str, Intervals]:
    """Return the intervals of every rival; scores are complete."""
    moments = _moments(scores, test_sets)
    return {name: procedure(moments) for name, procedure in RIVALS.items()}
