"""Simulated studies that grow from look to look: their trainings, power and false verdicts.

Scores are linearised: normal numbers that vary over seeds and test sets as in an earlier study. A
difference between cells shifts scores without changing their variation, so a batch of studies is
drawn and fitted once, and any true differences are added afterwards. Cells leave the family of a
look when they are settled, as in `growing.py`; the variances of those that are left are moderated
by all cells here, in a report by those of the look alone. Levels of looks are interpolated between
some shares of variance that are due to the test set, and some sizes of the family.

Shapes: B studies, K cells with the baseline first, J = K - 1 comparisons, L looks, D draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reports.analysis.inference import CONFIDENCE, TestSetError, draw_test_set_errors
from reports.analysis.planning.looks import compute_growing_confidences
from reports.analysis.planning.power import Variation
from reports.analysis.seed_model import sample_seed_errors

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ONE_DEVIATION = 0.6827  # share of a normal distribution within one standard deviation
_SHARES = np.array([0.0, 0.2, 0.5, 0.8, 0.98])  # of the test set in the variance at the last look
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)  # of a family
_LEVEL_DRAWS = 10_000


@dataclass(frozen=True)
class Outcomes:
    """What became of simulated studies, in which all true differences were known.

    Attributes:
        directions: (B, J) 1 for a verdict of better, -1 for worse, 0 for none.
        equivalent: (B, J) whether the verdict is equivalent.
        looks: (B, J) the number of the look that settled a cell, or of the last one.
        trainings: (B,) the number of trials.
    """

    directions: NDArray[np.int64]
    equivalent: Flags
    looks: NDArray[np.int64]
    trainings: NDArray[np.int64]

    def are_false(self, differences: Numbers, margin: float | None = None) -> Flags:
        """Return (B,) whether a study has any false verdict."""
        is_false = (self.directions != 0) & (self.directions != np.sign(differences))
        if margin is not None:
            is_false |= self.equivalent & (np.abs(differences) >= margin)
        return np.asarray(is_false.any(axis=1))

    def are_right(self, differences: Numbers, margin: float | None = None) -> Flags:
        """Return (B, J) whether a verdict is right: better or worse as in truth, or equivalent."""
        right = (self.directions != 0) & (self.directions == np.sign(differences))
        if margin is not None:
            right |= self.equivalent & (np.abs(differences) < margin)
        return np.asarray(right)


@dataclass(frozen=True)
class _Look:
    """The studies at one look, if no cell differs.

    Attributes:
        estimates: (B, J) the estimates.
        deviations: (B, J) the deviations of their errors.
        ratios: (D, B, J) drawn errors, in deviations.
        shares: (B,) the estimated share of the test set in the variance at the last look.
    """

    estimates: Numbers
    deviations: Numbers
    ratios: Numbers
    shares: Numbers

    def half_widths(self, family: Flags, confidences: Numbers) -> Numbers:
        """Return the (B, J) half widths of the comparisons of a family of each study."""
        largest = np.sort(np.where(family, self.ratios, 0).max(axis=2), axis=0)  # (D, B)
        draws = len(largest)
        # The largest of a few draws are exceeded too often: count the truth as one more draw.
        ranks = np.minimum(np.ceil(confidences * (draws + 1)).astype(int), draws) - 1
        return np.asarray(largest[ranks, np.arange(len(ranks))][:, None] * self.deviations)


class GrowingStudies:
    """A batch of simulated studies, drawn once for any true differences."""

    def __init__(
        self,
        looks: Sequence[int],
        variation: Variation,
        deviations: Numbers,
        studies: int,
        rng: np.random.Generator,
        draws: int = 1000,
        chains: int = 4,
    ) -> None:
        """Draw the studies and fit them at every look.

        Args:
            looks: the numbers of seeds.
            variation: the variation of a typical cell.
            deviations: (K,) the deviation over seeds of each cell, relative to the typical one.
            studies: the number B of studies.
            rng: the source of all random numbers.
            draws: the number D of draws from a posterior.
            chains: the number of chains that they come from.
        """
        self._looks = looks
        self._variation = variation
        self._cells = len(deviations)
        weights = np.hstack([-np.ones((self._cells - 1, 1)), np.eye(self._cells - 1)])
        shape = (studies, self._cells, looks[-1])
        scale = deviations * math.sqrt(variation.over_seeds)
        scores = rng.normal(size=shape) * scale[:, None]
        test_sets, test_errors, test_draws = self._draw_test_sets(weights, studies, rng, draws)
        self._at = []
        for seeds in looks:
            fit = sample_seed_errors(scores[:, :, :seeds], draws, rng, chains)
            errors = np.abs(fit.errors[:draws] @ weights.T + test_draws)
            spread = np.quantile(errors, _ONE_DEVIATION, axis=0)
            means = scores[:, :, :seeds].mean(axis=2) + test_errors
            over_seeds = np.median(fit.variances @ (weights**2).T, axis=1) / looks[-1]
            shares = test_sets / (test_sets + over_seeds)
            self._at.append(_Look(means @ weights.T, spread, errors / spread, shares))

    def _draw_test_sets(
        self, weights: Numbers, studies: int, rng: np.random.Generator, draws: int
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Return (B,) estimated variances, (B, K) errors of means, (D, B, J) draws of errors."""
        variance, freedom = self._variation.over_test_sets / 2, self._variation.freedom
        errors = rng.normal(size=(studies, self._cells)) * math.sqrt(variance)
        if variance == 0:
            return np.zeros(studies), errors, np.zeros((draws, studies, self._cells - 1))
        blocks = int(min(freedom, 1000))
        sample = rng.normal(size=(studies, blocks, self._cells)) * math.sqrt(variance)
        covariances = np.einsum("bmk,bml->bkl", sample, sample) / blocks
        drawn = [
            draw_test_set_errors(TestSetError(covariance, freedom), weights, rng, draws)
            for covariance in covariances
        ]
        estimated = np.einsum("jk,bkl,jl->bj", weights, covariances, weights)
        return np.median(estimated, axis=1), errors, np.stack(drawn, axis=1)

    def grow(self, differences: Numbers, margin: float | None = None) -> Outcomes:
        """Let the studies grow from look to look.

        Args:
            differences: (J,) the true differences from the baseline.
            margin: the difference that does not matter; None if every one does.
        """
        shape = self._at[0].estimates.shape
        is_open = np.ones(shape, dtype=bool)
        directions, looks = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        equivalent = np.zeros(shape, dtype=bool)
        for index, look in enumerate(self._at):
            confidences = self._interpolate(index, is_open.sum(axis=1), look.shares)
            estimates = look.estimates + differences
            halves = look.half_widths(is_open, confidences)
            separates = is_open & (np.abs(estimates) > halves)
            directions[separates] = np.sign(estimates[separates]).astype(np.int64)
            if margin is not None:
                equivalent |= is_open & ~separates & (np.abs(estimates) + halves < margin)
            looks[is_open] = index + 1
            is_open &= ~separates & ~equivalent
        seeds = np.asarray(self._looks)[looks - 1]
        return Outcomes(directions, equivalent, looks, seeds.sum(axis=1) + seeds.max(axis=1))

    def judge_once(self, differences: Numbers, margin: float | None = None) -> Outcomes:
        """Judge the same studies at the last look alone, as a fixed number of seeds would be."""
        look = self._at[-1]
        shape = look.estimates.shape
        estimates = look.estimates + differences
        confidences = np.full(len(estimates), CONFIDENCE)
        halves = look.half_widths(np.ones(shape, dtype=bool), confidences)
        separates = np.abs(estimates) > halves
        equivalent = np.zeros(shape, dtype=bool)
        if margin is not None:
            equivalent = ~separates & (np.abs(estimates) + halves < margin)
        trainings = np.full(len(estimates), self.most_trainings)
        directions = (np.sign(estimates) * separates).astype(np.int64)
        return Outcomes(directions, equivalent, np.full(shape, len(self._looks)), trainings)

    @property
    def most_trainings(self) -> int:
        """The number of trials if every cell needs all seeds."""
        return self._cells * self._looks[-1]

    def _interpolate(self, look: int, sizes: NDArray[np.int64], shares: Numbers) -> Numbers:
        """Return the (B,) confidences of a look, for families of some sizes."""
        grid, table = self._confidences
        confidences = np.full(len(sizes), CONFIDENCE)
        for size in np.unique(sizes[sizes > 0]):
            nearest = int(np.argmin(np.abs(np.log(grid / size))))
            chosen = sizes == size
            confidences[chosen] = np.interp(shares[chosen], _SHARES, table[nearest, :, look])
        return confidences

    @cached_property
    def _confidences(self) -> tuple[Numbers, Numbers]:
        """Sizes of families, and the (sizes, shares, L) confidences of their looks."""
        largest = self._cells - 1
        sizes = np.array(sorted({size for size in _SIZES if size < largest} | {largest}))
        table = [[self._compute(int(size), float(share)) for share in _SHARES] for size in sizes]
        return sizes.astype(np.float64), np.array(table)

    def _compute(self, size: int, share: float) -> list[float]:
        weights = np.hstack([-np.ones((size, 1)), np.eye(size)])
        variance = share / (1 - share) / self._looks[-1]  # per cell; that of a training run is 1
        freedom = min(self._variation.freedom, 1000)
        error = TestSetError(variance * np.eye(size + 1), freedom) if share else None
        rng = np.random.default_rng([size, round(100 * share)])
        return compute_growing_confidences(
            self._looks, np.ones(size + 1), error, weights, rng, _LEVEL_DRAWS
        )
