"""Planned looks: the level of each look, so that all looks together keep 95 %.

A study that is looked at after 3, 5, 7 and 10 seeds, each time at 95 %, is wrong more often than in
5 % of cases. The level that every look takes instead is simulated from the joint distribution of
the studentised comparisons over the looks: seeds add up from look to look, the test set's error is
the same at every look, and variances are estimated anew, as few seeds allow. The largest comparison
of a look is expressed by its tail probability; the smallest of these over the looks falls below the
level in 5 % of studies.

The more the test set dominates, the more the looks see the same, and the less they cost: at four
looks the level is 0.016 to 0.018 where seeds dominate, 0.036 to 0.039 where the test set does. An
even split (0.05 over the number of looks, 0.0125) is the least that a look gets; alone, it lost 4
to 16 points of power. `benchmarks/looks.py` prints the comparison.

Shapes: D draws, K cells, J comparisons, N seeds, L looks.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.analysis.inference import CONFIDENCE, TestSetError, draw_normal_and_chi_square

Numbers = NDArray[np.float64]

_DRAWS = 10_000
_MOST_NUMBERS = 2e7  # of the drawn scores: beyond, fewer draws are made


def confidence_of_a_look(
    looks: Sequence[int],
    variances: Numbers,
    over_test_sets: TestSetError | None,
    weights: Numbers,
    rng: np.random.Generator,
    draws: int = _DRAWS,
) -> float:
    """Return the confidence of the intervals at each look.

    Args:
        looks: the number of seeds at each look, rising; empty or one of them: a single look.
        variances: (K,) of one training of each cell, over seeds.
        over_test_sets: how test sets let the cells' means vary, or None if that is not known.
        weights: (J, K) the comparisons.
        rng: the source of the draws.
        draws: D, at most.
    """
    if len(looks) < 2:
        return CONFIDENCE
    error = 1 - CONFIDENCE
    draws = int(max(2000, min(draws, _MOST_NUMBERS // max(1, len(variances) * looks[-1]))))
    sizes = _studentised(looks, variances, over_test_sets, weights, rng, draws)  # (L, D)
    tails = 1 - stats.rankdata(sizes, axis=1) / (draws + 1)
    level = float(np.quantile(tails.min(axis=0), error))
    return 1 - min(error, max(error / len(looks), level))


def _studentised(
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
        until_now = scores[:, :, :seeds]
        error = until_now.mean(axis=2) @ weights.T + fixed
        estimate = (until_now.var(axis=2, ddof=1) / seeds) @ (weights**2).T + fixed_variance
        scale = np.sqrt(np.where(estimate > 0, estimate, 1))
        largest.append(np.abs(error / scale).max(axis=1))
    return np.stack(largest)
