"""How many seeds a comparison needs, and which difference a design can separate.

More seeds shrink the variation over seeds and make its estimate more certain; the variation over
test sets stays. `count_more_seeds` is plain arithmetic, for a report. It assumes that the half
width of an interval changes as

    deviation(n) * t(f(n)),    deviation(n)^2 = V / n + T,

where V and T are the variances of the comparison over seeds and over test sets, t is the two-sided
quantile at the family's level divided by its size, and f follows by Satterthwaite's rule from
(n - 1) K / 2 degrees of freedom over seeds (K cells share the estimate of their variances) and
M - 1 over test sets. The half width is never taken to be larger than this formula gives. Compared
with the real procedure, for 1, 3 and 10 comparisons, it was off by -7 to +24 % from 3 seeds and by
-4 to +9 % from 5 seeds, so the number of seeds is a rough estimate.

`find_separable_difference` simulates studies and judges them as a report does; it takes seconds.

Shapes: B studies, K cells, J comparisons, D draws.
"""

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.analysis.comparison import Comparison
from reports.analysis.inference import CONFIDENCE, TestSetError, draw_test_set_errors, half_widths
from reports.analysis.seed_model import sample_seed_errors
from reports.analysis.study import Study
from reports.analysis.verdict import SEEDS_FOR_A_VERDICT

Numbers = NDArray[np.float64]

POWER = 0.8
MAX_SEEDS = 1000
_STUDIES, _DRAWS, _CHAINS = 100, 1000, 4


@dataclass(frozen=True)
class Variation:
    """The variation of the difference of two cells, in the unit of the metric squared.

    Attributes:
        over_seeds: the variance of one training run of a cell.
        over_test_sets: the variance of a difference; 0 if it is unknown.
        freedom: the degrees of freedom of `over_test_sets`.
    """

    over_seeds: float
    over_test_sets: float = 0.0
    freedom: float = math.inf


def estimate_typical_variation(study: Study) -> Variation | None:
    """Return the median variances over the cells of a study; None if seeds show no variance."""
    scored = study.scored
    seed_variances = [v for v in scored.variances.values() if math.isfinite(v)]
    if not seed_variances:
        return None
    over_seeds, error = float(np.median(seed_variances)), scored.errors.over_test_sets
    base = study.record.baseline
    others = [cell for cell in scored.cells if cell != base]
    if error is None or base not in scored.cells or not others:
        return Variation(over_seeds)
    weights = scored.weights([scored.pair(cell, base) for cell in others])
    variances = np.einsum("jk,kl,jl->j", weights, error.covariance, weights)
    return Variation(over_seeds, float(np.median(variances)), error.freedom)


def count_more_seeds(study: Study) -> dict[str, float]:
    """Return how many more seeds would separate each cell from the baseline.

    The difference is assumed to stay the same.

    Returns:
        cell -> 0 if its verdict is settled (better, worse, equivalent), infinity if the test set
        alone hides a difference of this size or more than 1,000 seeds would be needed, NaN if a
        variance is unknown or nothing varies.
    """
    base = study.record.baseline
    return {
        cell: _more_seeds(study, cell, base, comparison)
        for cell, comparison in study.against_baseline.items()
    }


def _more_seeds(study: Study, cell: str, base: str, comparison: Comparison) -> float:
    difference, scored = comparison.difference, study.scored
    over_seeds = scored.variances[cell] + scored.variances[base]
    half = (difference.high - difference.low) / 2
    if not math.isfinite(over_seeds + half + difference.mean) or difference.seeds < 2:
        return math.nan
    size, margin = abs(difference.mean), study.margin
    is_settled = half < size or (margin is not None and size + half < margin)
    if is_settled and difference.seeds >= SEEDS_FOR_A_VERDICT:
        return 0
    error = scored.errors.over_test_sets
    weights = scored.weights([scored.pair(cell, base)])[0]
    variation = Variation(
        over_seeds,
        0.0 if error is None else float(weights @ error.covariance @ weights),
        math.inf if error is None else error.freedom,
    )
    level = 1 - (1 - study.confidence) / 2 / comparison.family
    predict = _half_width_predictor(variation, len(scored.cells), level)
    if predict(difference.seeds) == 0:
        return math.nan  # an exact tie without variation: no number of seeds separates it
    scale = min(1.0, half / predict(difference.seeds))
    if scale * predict(math.inf) >= size:
        return math.inf
    first = max(difference.seeds + 1, SEEDS_FOR_A_VERDICT)
    # Half widths fall with the number of seeds: bisect for the first one below the size.
    numbers = range(first, MAX_SEEDS + 1)
    index = bisect.bisect(numbers, -size, key=lambda n: -scale * predict(n))
    return numbers[index] - difference.seeds if index < len(numbers) else math.inf


def _half_width_predictor(
    variation: Variation, cells: int, level: float
) -> Callable[[float], float]:
    """Return the half width as a function of the number of seeds, as described in the module."""

    def predict(seeds: float) -> float:
        over_seeds, over_test_sets = variation.over_seeds / seeds, variation.over_test_sets
        total = over_seeds + over_test_sets
        if total == 0:
            return 0.0
        fraction = over_seeds / total
        inverse = (1 - fraction) ** 2 / variation.freedom
        inverse += fraction**2 / ((seeds - 1) * cells / 2)
        freedom = 1 / inverse if inverse > 0 else math.inf
        quantile = stats.t.ppf(level, freedom) if freedom < 1e6 else stats.norm.ppf(level)
        return float(math.sqrt(total) * quantile)

    return predict


def find_separable_difference(
    variation: Variation, cells: int, seeds: int, confidence: float = CONFIDENCE
) -> float:
    """Return the difference from the baseline that is separated with 80 % power.

    Args:
        variation: the variation of all cells.
        cells: K, including the baseline.
        seeds: the number of seeds of each cell, at least 3.
        confidence: the confidence of the family of comparisons.
    """
    rng = np.random.default_rng(0)
    weights = np.hstack([-np.ones((cells - 1, 1)), np.eye(cells - 1)])
    scores = rng.normal(size=(_STUDIES, cells, seeds)) * math.sqrt(variation.over_seeds)
    fit = sample_seed_errors(scores, _DRAWS, rng, _CHAINS)
    cell_variance = variation.over_test_sets / 2
    reaches = []
    for study in range(_STUDIES):
        errors = fit.errors[:_DRAWS, study] @ weights.T
        estimate = weights @ (
            scores[study].mean(axis=1) + _draw_test_errors(cell_variance, cells, rng)
        )
        if cell_variance > 0:
            error = TestSetError(cell_variance * np.eye(cells), variation.freedom)
            errors = errors + draw_test_set_errors(error, weights, rng, _DRAWS)
        halves, _ = half_widths(errors, np.ones(cells - 1, dtype=bool), confidence)
        reaches.append(halves - estimate)
    return float(np.quantile(np.concatenate(reaches), POWER))


def _draw_test_errors(variance: float, cells: int, rng: np.random.Generator) -> Numbers:
    return np.asarray(rng.normal(size=cells) * math.sqrt(variance))
