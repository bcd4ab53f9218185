"""Planned looks (interim analyses): the confidence of each, so that all together hold at 95 %.

A study that is looked at after 3, 5, 7 and 10 seeds, each time at 95 %, is wrong in more than 5 %
of studies. The error level of each look is therefore simulated from the joint distribution of the
studentised comparisons over the looks: seeds accumulate from look to look, the test set's error is
the same at every look, and variances are estimated again from the few seeds of each look. The
largest comparison of a look is expressed by its tail probability; the smallest of these over the
looks falls below the level in 5 % of studies.

The more the test set dominates, the more error the looks share and the less they cost: with four
looks, an equal level is 0.016 to 0.018 if seeds dominate and 0.036 to 0.039 if the test set does.
An even split (0.05 over the number of looks, 0.0125) is the lower bound for a look; used instead of
the simulation, it lost 4 to 16 points of power. `benchmarks/looks.py` prints the comparison.

Comparisons with the baseline, which decide whether a cell gets more seeds, have levels that grow
from look to look instead: early looks find the large differences anyway, and what they do not spend
is left for the last one. The family of boundaries is that of Wang and Tsiatis 1987, beyond the one
of O'Brien and Fleming, but every look has a level of `_LEAST_LEVEL` or more, as in Haybittle 1971.
With 1 and 3 cells, this lost at most 1.8 points of power where equal levels lost up to 14. The
other families keep equal levels, as a study may end at an early look.

Shapes: D draws, K cells, J comparisons, N seeds, L looks.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.analysis.inference import CONFIDENCE, TestSetError, draw_normal_and_chi_square

Numbers = NDArray[np.float64]

_DRAWS = 10_000
# Of the critical values in the share of information: 0 has equal levels, -1/2 those of
# O'Brien and Fleming. From 0 down, power grows and the number of saved trainings falls.
_EXPONENT = -0.75
_LEAST_LEVEL = 0.003
_MAX_SCORES = 2e7  # scores in memory: for larger studies, fewer draws are made


def compute_look_confidence(
    looks: Sequence[int],
    variances: Numbers,
    over_test_sets: TestSetError | None,
    weights: Numbers,
    rng: np.random.Generator,
    draws: int = _DRAWS,
) -> float:
    """Return the confidence of the intervals at each look.

    Args:
        looks: the number of seeds at each look, in ascending order; with none or one, there is a
            single look.
        variances: the (K,) variances over seeds of one training run of each cell.
        over_test_sets: the variation of the cells' means over test sets; None if it is unknown.
        weights: the (J, K) weights of the comparisons.
        rng: the source of the draws.
        draws: the largest D.
    """
    if len(looks) < 2:
        return CONFIDENCE
    error = 1 - CONFIDENCE
    tails = _draw_tails(looks, variances, over_test_sets, weights, rng, draws)
    level = float(np.quantile(tails.min(axis=0), error))
    return 1 - min(error, max(error / len(looks), level))


def compute_growing_confidences(
    looks: Sequence[int],
    variances: Numbers,
    over_test_sets: TestSetError | None,
    weights: Numbers,
    rng: np.random.Generator,
    draws: int = _DRAWS,
) -> list[float]:
    """Return the confidence of the comparisons with the baseline at each look, one after the other.

    The arguments are those of `compute_look_confidence`. At a look that has a share t of the
    information of the last one, the critical value is c t^exponent standard deviations, or less.
    """
    if len(looks) < 2:
        return [CONFIDENCE]
    error = 1 - CONFIDENCE
    tails = _draw_tails(looks, variances, over_test_sets, weights, rng, draws)
    shares = _share_of_information(looks, variances, over_test_sets, weights)
    scale = shares**_EXPONENT  # (L,)
    sizes = (stats.norm.isf(tails / 2) / scale[:, None]).max(axis=0)
    is_found_early = (tails[:-1] < _LEAST_LEVEL).any(axis=0)
    critical = float(np.quantile(np.where(is_found_early, np.inf, sizes), 1 - error))
    levels = 2 * stats.norm.sf(critical * scale)
    levels[:-1] = np.maximum(levels[:-1], _LEAST_LEVEL)
    levels *= max(1.0, error / levels.sum())  # an uneven split of the error is always valid
    return [1 - min(error, float(level)) for level in levels]


def _share_of_information(
    looks: Sequence[int], variances: Numbers, over_test_sets: TestSetError | None, weights: Numbers
) -> Numbers:
    """Return the (L,) precision of a typical comparison at each look, over that of the last one."""
    over_seeds = float(np.median((weights**2) @ variances))
    fixed = 0.0
    if over_test_sets is not None:
        fixed = float(
            np.median(np.einsum("jk,kl,jl->j", weights, over_test_sets.covariance, weights))
        )
    total = over_seeds / np.asarray(looks, dtype=np.float64) + max(0.0, fixed)
    return np.asarray(total[-1] / total) if total[-1] > 0 else np.ones(len(looks))


def _draw_tails(
    looks: Sequence[int],
    variances: Numbers,
    over_test_sets: TestSetError | None,
    weights: Numbers,
    rng: np.random.Generator,
    draws: int,
) -> Numbers:
    """Draw the tail probability of the largest studentised comparison at each look: (L, D)."""
    draws = int(max(2000, min(draws, _MAX_SCORES // max(1, len(variances) * looks[-1]))))
    largest = _draw_largest(looks, variances, over_test_sets, weights, rng, draws)
    return np.asarray(1 - stats.rankdata(largest, axis=1) / (draws + 1))


def _draw_largest(
    looks: Sequence[int],
    variances: Numbers,
    over_test_sets: TestSetError | None,
    weights: Numbers,
    rng: np.random.Generator,
    draws: int,
) -> Numbers:
    """Draw the largest studentised comparison at each look: (L, D)."""
    scores = rng.normal(size=(draws, len(variances), looks[-1])) * np.sqrt(variances)[:, None]
    fixed, fixed_variance = np.zeros((draws, len(weights))), np.zeros((draws, len(weights)))
    if over_test_sets is not None:
        deviation, normal, chi_square = draw_normal_and_chi_square(
            over_test_sets, weights, rng, draws
        )
        fixed, fixed_variance = deviation * normal, deviation**2 * chi_square
    largest = []
    for seeds in looks:
        look_scores = scores[:, :, :seeds]
        error = look_scores.mean(axis=2) @ weights.T + fixed
        estimate = (look_scores.var(axis=2, ddof=1) / seeds) @ (weights**2).T + fixed_variance
        scale = np.sqrt(np.where(estimate > 0, estimate, 1))
        largest.append(np.abs(error / scale).max(axis=1))
    return np.stack(largest)
