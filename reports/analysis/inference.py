"""Intervals and verdicts: one procedure for both, for any family of comparisons at once.

The mean score of a cell errs for two reasons: other seeds would have given other networks
(`seed_model.py`), another test set other scores (`bootstrap.py`). Both are drawn jointly for all
cells. A comparison is a weighted sum of cells. Each error of a family is divided by its deviation;
the largest of these ratios exceeds a critical value in 5 % of the draws. That value times the
deviation is the half width of every interval, and a verdict is read off the interval. All intervals
of a family cover the truth together in 95 % of studies, so at most 5 % of studies contain a false
"better" or "worse".

The covariance over test sets is estimated from M blocks, with M - 1 degrees of freedom: the error
of comparison j is drawn as z_j / sqrt(x_j / (M - 1)), where z has the correlation R of the
comparisons and x_j is chi-square; the x have the correlation R^2 of the variances of correlated
normal numbers. With the covariance taken as known, 8 to 11 % of studies had a false verdict (10 to
20 cells, test set dominating).

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
_MAX_NUMBERS = 2e7  # drawn for a family; larger families take fewer draws


@dataclass(frozen=True)
class TestSetError:
    """The variation of the cells' mean scores over test sets.

    Attributes:
        covariance: the (K, K) covariance of the means.
        freedom: the degrees of freedom of its estimate.
    """

    __test__ = False  # pytest would collect it for its name

    covariance: Numbers
    freedom: float


@dataclass(frozen=True)
class Errors:
    """The joint errors of the mean scores of cells; None if a source is unknown.

    Attributes:
        over_seeds: the (D, K) draws of errors over seeds.
        over_test_sets: the variation over test sets.
    """

    over_seeds: Numbers | None
    over_test_sets: TestSetError | None

    def draw(self, weights: Numbers, rng: np.random.Generator, draws: int) -> Numbers:
        """Draw the errors of weighted sums of cells.

        Args:
            weights: the (J, K) weights.
            rng: the source of the draws.
            draws: the number D of draws; at most that of the draws over seeds, if these are known.

        Returns:
            the (D, J) errors.
        """
        total = np.zeros((draws, len(weights)))
        if self.over_seeds is not None:
            total += self.over_seeds[:draws] @ weights.T
        if self.over_test_sets is not None:
            total += draw_test_set_errors(self.over_test_sets, weights, rng, draws)
        return total

    def draw_cells(self, rng: np.random.Generator, draws: int) -> Numbers:
        """Draw the (D, K) joint errors of all cells; at least one source must be known.

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
    """Draw the (D, J) errors of weighted sums over test sets, as the module describes."""
    deviation, normal, chi_square = draw_normal_and_chi_square(error, weights, rng, draws)
    return np.asarray(deviation * normal / np.sqrt(chi_square))


def draw_normal_and_chi_square(
    error: TestSetError, weights: Numbers, rng: np.random.Generator, draws: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Return the (J,) deviations, and the (D, J) numbers z and x that the module describes.

    The chi-square numbers x are already divided by their degrees of freedom.
    """
    covariance = weights @ error.covariance @ weights.T
    deviation = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0))
    scale = np.where(deviation > 0, deviation, 1)
    correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    normal = _correlated(correlation, rng, draws)
    chi_square = _chi_square_ratio(_correlated(correlation**2, rng, draws), error.freedom)
    return deviation, normal, chi_square


def _correlated(correlation: Numbers, rng: np.random.Generator, draws: int) -> Numbers:
    """Draw standard normal numbers with a correlation, which may be singular.

    They are mixed by the symmetric root of the correlation, which does not depend on the signs of
    eigenvectors; these differ between processors.
    """
    values, vectors = np.linalg.eigh(correlation)  # values ascend
    is_positive = values > 1e-10 * np.maximum(values[..., -1:], 1e-300)
    scaled = vectors * np.sqrt(np.where(is_positive, values, 0))[..., None, :]
    root = scaled @ vectors.swapaxes(-1, -2)
    normal = rng.normal(size=(*root.shape[:-2], draws, root.shape[-1]))
    return np.moveaxis(normal @ root, -2, 0)


def _chi_square_ratio(normal: Numbers, freedom: float) -> Numbers:
    """Map standard normal numbers by rank to chi-square numbers divided by their freedom."""
    grid = np.linspace(-6, 6, 1201)
    ratios = stats.chi2.ppf(stats.norm.cdf(grid), freedom) / freedom
    return np.asarray(np.interp(normal, grid, ratios))


def half_widths(
    errors: Numbers, in_family: NDArray[np.bool_], confidence: float = CONFIDENCE
) -> tuple[Numbers, Numbers]:
    """Return the (J,) half widths of the intervals, and the (J,) deviations.

    Args:
        errors: the (D, J) draws.
        in_family: for each of the J comparisons, whether it belongs to the family; the others get
            an interval of their own.
        confidence: the confidence of the family, higher if several looks are planned.
    """
    sizes = np.abs(errors)
    deviations = np.quantile(sizes, _ONE_DEVIATION, axis=0)
    widths = np.quantile(sizes, confidence, axis=0)
    family = in_family & (deviations > 0)
    ratios = np.where(family, sizes / np.where(family, deviations, 1), 0)
    critical = np.quantile(ratios.max(axis=-1), confidence, axis=0)
    return np.where(family, critical[..., None] * deviations, widths), deviations


def number_of_draws(comparisons: int, available: int) -> int:
    """Return how many draws a family takes: fewer for large families, to save memory."""
    return int(min(available, max(2000, _MAX_NUMBERS // max(1, comparisons))))
