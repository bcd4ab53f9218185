"""Intervals and verdicts: one procedure for both, for any family of comparisons at once.

The mean score of a cell errs for two reasons: other seeds would have given other networks
(`seed_model.py`), another test set other scores (`bootstrap.py`). Both are drawn jointly for all
cells. A comparison is a weighted sum of cells; over all comparisons of a family, the largest error,
each measured in its own deviation, exceeds a critical value in 5 % of the draws. That value times
the deviation is the half width of every interval, and a verdict is read off the interval: all
intervals of a family cover the truth together in 95 % of studies, so at most 5 % of studies contain
a false "better" or "worse".

The covariance over test sets is estimated from M blocks, with M - 1 degrees of freedom: the error
of comparison j is drawn as z_j / sqrt(x_j / (M - 1)), where z has the correlation R of the
comparisons and x_j is chi-square; the x have the correlation R^2 of the variances of correlated
normal numbers. Taken as known, the covariance gave 8 to 11 % false verdicts at 10 to 20 cells where
the test set dominates.

Variation that depends on seed and frame together is in both terms, so intervals are a little too
wide, never too narrow.

Shapes: D draws, K cells, J comparisons. Simulations handle B studies at once: then covariances are
(B, K, K), and results have B before J.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Numbers = NDArray[np.float64]

CONFIDENCE = 0.95
_ONE_DEVIATION = 0.6827  # share of a normal distribution within one standard deviation
_MOST_NUMBERS = 2e7  # of a family's draws: beyond, fewer draws are taken


@dataclass(frozen=True)
class TestSetError:
    """The variation of the cells' mean scores over test sets.

    Attributes:
        covariance: (K, K).
        freedom: degrees of freedom of its estimate.
    """

    __test__ = False  # pytest would collect it for its name

    covariance: Numbers
    freedom: float


@dataclass(frozen=True)
class Errors:
    """The joint errors of the mean scores of cells; None where a source is not known.

    Attributes:
        over_seeds: (D, K) draws.
        over_test_sets: how test sets let them vary.
    """

    over_seeds: Numbers | None
    over_test_sets: TestSetError | None

    def draw(self, weights: Numbers, rng: np.random.Generator, draws: int) -> Numbers:
        """Draw the errors of weighted sums of cells.

        Args:
            weights: (J, K).
            rng: the source of the draws.
            draws: D; at most the number of draws over seeds, if these are known.

        Returns:
            (D, J).
        """
        total = np.zeros((draws, len(weights)))
        if self.over_seeds is not None:
            total += self.over_seeds[:draws] @ weights.T
        if self.over_test_sets is not None:
            total += draw_test_set_errors(self.over_test_sets, weights, rng, draws)
        return total

    def draw_cells(self, rng: np.random.Generator, draws: int) -> Numbers:
        """Draw the errors of all cells together: (D, K); at least one source is known.

        Over test sets they follow a multivariate t distribution: one chi-square number scales a
        draw, so that what cells share cancels in the difference of any two.
        """
        sources = []
        if self.over_seeds is not None:
            sources.append(self.over_seeds[:draws])
        if self.over_test_sets is not None:
            error, cells = self.over_test_sets, np.eye(len(self.over_test_sets.covariance))
            deviation, normal, _ = draw_normal_and_chi_square(error, cells, rng, draws)
            chi_square = rng.chisquare(error.freedom, (draws, 1)) / error.freedom
            sources.append(deviation * normal / np.sqrt(chi_square))
        return np.asarray(sum(sources))


def draw_test_set_errors(
    error: TestSetError, weights: Numbers, rng: np.random.Generator, draws: int
) -> Numbers:
    """Draw the errors of weighted sums over test sets, (D, J), as the module describes."""
    deviation, normal, chi_square = draw_normal_and_chi_square(error, weights, rng, draws)
    return np.asarray(deviation * normal / np.sqrt(chi_square))


def draw_normal_and_chi_square(
    error: TestSetError, weights: Numbers, rng: np.random.Generator, draws: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Return (J,) deviations, and the (D, J) normal and chi-square numbers of the module's text.

    The chi-square numbers are already divided by their freedom.
    """
    covariance = weights @ error.covariance @ weights.T
    deviation = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0))
    scale = np.where(deviation > 0, deviation, 1)
    correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    normal = _correlated(correlation, rng, draws)
    chi_square = _chi_square_ratio(_correlated(correlation**2, rng, draws), error.freedom)
    return deviation, normal, chi_square


def _correlated(correlation: Numbers, rng: np.random.Generator, draws: int) -> Numbers:
    """Draw standard normal numbers with a correlation, which may be singular."""
    values, vectors = np.linalg.eigh(correlation)  # values ascend
    is_used = values > 1e-10 * np.maximum(values[..., -1:], 1e-300)
    used = is_used.reshape(-1, values.shape[-1]).any(axis=0)
    root = vectors[..., used] * np.sqrt(np.maximum(values[..., None, used], 0))
    normal = rng.normal(size=(*root.shape[:-2], draws, root.shape[-1]))
    return np.moveaxis(normal @ root.swapaxes(-1, -2), -2, 0)


def _chi_square_ratio(normal: Numbers, freedom: float) -> Numbers:
    """Turn standard normal numbers into chi-square numbers divided by their degrees of freedom,
    keeping the ranks."""
    grid = np.linspace(-6, 6, 1201)
    ratios = stats.chi2.ppf(stats.norm.cdf(grid), freedom) / freedom
    return np.asarray(np.interp(normal, grid, ratios))


def half_widths(
    errors: Numbers, judged: NDArray[np.bool_], confidence: float = CONFIDENCE
) -> tuple[Numbers, Numbers]:
    """Return (J,) half widths of the intervals and (J,) deviations.

    Args:
        errors: (D, J) draws.
        judged: (J,) whether a comparison belongs to the family; the others get an interval of
            their own.
        confidence: of the family, higher where a study is looked at several times.
    """
    sizes = np.abs(errors)
    deviations = np.quantile(sizes, _ONE_DEVIATION, axis=0)
    widths = np.quantile(sizes, confidence, axis=0)
    family = judged & (deviations > 0)
    scaled = np.where(family, sizes / np.where(family, deviations, 1), 0)
    critical = np.quantile(scaled.max(axis=-1), confidence, axis=0)
    return np.where(family, critical[..., None] * deviations, widths), deviations


def number_of_draws(comparisons: int, available: int) -> int:
    """Return how many draws a family takes: fewer where it is large, for the sake of memory."""
    return int(min(available, max(2000, _MOST_NUMBERS // max(1, comparisons))))
