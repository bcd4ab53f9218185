"""The scores of cells by seed, and the joint errors of their means."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reports.analysis.comparison import (
    SEEDS,
    TEST_SET,
    Comparison,
    Contrast,
    Estimate,
    judge_family,
)
from reports.analysis.inference import CONFIDENCE, Errors, TestSetError, number_of_draws
from reports.analysis.seed_model import fit_means, sample_seed_errors
from reports.analysis.verdict import SEEDS_FOR_A_VERDICT

Numbers = NDArray[np.float64]

ERROR_DRAWS = 10_000
_CHAINS = 400
_ROUNDING = 1e-12


class _Fit(NamedTuple):
    means: Numbers  # (K,)
    errors: Numbers | None  # (D, K) draws over seeds; None if no cell has two seeds
    variances: Numbers  # (K,) variance of one training run over seeds; NaN if unknown


class ScoredCells:
    """The cells of a study that have a score, the baseline first if it is one of them.

    Args:
        scores: cell -> seed -> score, for cells with at least one score.
        has_baseline: whether the first cell is the baseline.
        over_test_sets: the variation of the means over test sets; None if unknown.
        draws: the number of drawn errors.
    """

    def __init__(
        self,
        scores: Mapping[str, Mapping[int, float]],
        has_baseline: bool,
        over_test_sets: TestSetError | None,
        draws: int = ERROR_DRAWS,
    ) -> None:
        self.cells = list(scores)
        self._scores = scores
        self._has_baseline = has_baseline
        self._over_test_sets = over_test_sets
        self._draws = draws
        self._indices = {cell: index for index, cell in enumerate(self.cells)}

    @property
    def means(self) -> dict[str, float]:
        """The mean score of each cell, adjusted for the seeds that it lacks."""
        return dict(zip(self.cells, self._fit.means.tolist(), strict=True))

    @property
    def variances(self) -> dict[str, float]:
        """The variance of one training run of each cell over seeds; NaN if unknown."""
        return dict(zip(self.cells, self._fit.variances.tolist(), strict=True))

    @property
    def errors(self) -> Errors:
        """The joint errors of the means."""
        return Errors(self._fit.errors, self._over_test_sets)

    def shared_seeds(self, *cells: str) -> set[int]:
        """Return the seeds at which all given cells have a score."""
        return set.intersection(*(set(self._scores.get(cell, ())) for cell in cells))

    def pair(self, cell: str, other: str) -> Contrast:
        """Return the contrast of a cell with another one."""
        return self.contrast({cell: 1.0, other: -1.0}, self.shared_seeds(cell, other))

    def contrast(self, weights: Mapping[str, float], seeds: set[int]) -> Contrast:
        """Return a weighted sum of cells.

        Args:
            weights: cell -> weight.
            seeds: the seeds that some pair of its cells shares. If it compares two cells, the seeds
                of both count instead; a cell with a single seed makes it a comparison of one seed.
        """
        if len(weights) == 2:
            seeds = self.shared_seeds(*weights)
        fewest = min((len(self._scores.get(cell, ())) for cell in weights), default=0)
        return Contrast(weights, len(seeds) if fewest > 1 else min(fewest, len(seeds)))

    def judge(
        self,
        contrasts: Sequence[Contrast],
        margin: float | None = None,
        confidence: float = CONFIDENCE,
        is_interim: bool = False,
    ) -> list[Comparison]:
        """Judge contrasts as one family; `margin` is in the unit of the scores."""
        if not contrasts:
            return []
        estimates, errors = self.estimate(contrasts), self.draw(contrasts)
        return judge_family(estimates, errors, margin, confidence, is_interim)

    def estimate(self, contrasts: Sequence[Contrast]) -> list[Estimate]:
        """Estimate contrasts of cells that have a score."""
        return [
            Estimate(
                self._value(row) if self._is_linked(row) else math.nan,
                contrast.seeds,
                self._sources(contrast, row),
            )
            for contrast, row in zip(contrasts, self.weights(contrasts), strict=True)
        ]

    def _sources(self, contrast: Contrast, weights: Numbers) -> tuple[str, ...]:
        """Return the sources of variation that drawn errors of a contrast account for."""
        has_variances = not np.isnan(self._fit.variances[weights != 0]).any()
        is_estimated = {
            SEEDS: has_variances and contrast.seeds > 1,
            TEST_SET: self._over_test_sets is not None,
        }
        return tuple(source for source, is_known in is_estimated.items() if is_known)

    @property
    def ranking_sources(self) -> tuple[str, ...]:
        """The sources of variation that the best shares account for.

        Empty if there are fewer than two cells, or seeds do not link all of them.
        """
        if len(self.cells) < 2 or self._groups.any():
            return ()
        is_estimated = {
            SEEDS: self._fit.errors is not None,
            TEST_SET: self._over_test_sets is not None,
        }
        return tuple(source for source, is_known in is_estimated.items() if is_known)

    def estimate_best_shares(self, sign: int = 1) -> dict[str, float]:
        """Estimate how often each cell scores best over seeds and test sets; ties are shared.

        Empty if there are no `ranking_sources`. If some cells have enough seeds for a verdict, only
        those are ranked: what is not known about the others would often put one of them first.

        Args:
            sign: 1 if the highest score is best, -1 if the lowest is.
        """
        if not self.ranking_sources:
            return {}
        counts = {cell: len(by_seed) for cell, by_seed in self._scores.items()}
        cells = [cell for cell in self.cells if counts[cell] >= SEEDS_FOR_A_VERDICT] or self.cells
        draws = number_of_draws(len(self.cells), self._draws)
        scores = sign * (self._fit.means + self.errors.draw_cells(np.random.default_rng(0), draws))
        scores = scores[:, np.array([self._indices[cell] for cell in cells])]
        highest = scores.max(axis=1, keepdims=True)
        is_first = scores >= highest - _ROUNDING * np.abs(highest)
        shares = (is_first / is_first.sum(axis=1, keepdims=True)).mean(axis=0)
        return dict(zip(cells, shares.tolist(), strict=True))

    def _value(self, weights: Numbers) -> float:
        """Return a weighted sum of the means, 0 if only rounding errors are left."""
        terms = weights * self._fit.means
        total = float(terms.sum())
        return total if abs(total) > _ROUNDING * np.abs(terms).sum() else 0.0

    def draw(self, contrasts: Sequence[Contrast], seed: int = 0) -> Numbers:
        """Draw the joint errors of contrasts: (D, J)."""
        draws = number_of_draws(len(contrasts), self._draws)
        return self.errors.draw(self.weights(contrasts), np.random.default_rng(seed), draws)

    def weights(self, contrasts: Sequence[Contrast]) -> Numbers:
        """Return the (J, K) weights of contrasts."""
        weights = np.zeros((len(contrasts), len(self.cells)))
        for row, contrast in zip(weights, contrasts, strict=True):
            for cell, weight in contrast.weights.items():
                row[self._indices[cell]] += weight
        return weights

    @cached_property
    def _table(self) -> Numbers:
        """The (K, N) scores by cell and seed; NaN where there is none."""
        seeds = sorted({seed for by_seed in self._scores.values() for seed in by_seed})
        rows = [[row.get(seed, math.nan) for seed in seeds] for row in self._scores.values()]
        return np.array(rows, dtype=np.float64).reshape(len(self.cells), len(seeds))

    @cached_property
    def _groups(self) -> NDArray[np.int64]:
        """The (K,) group of each cell; shared seeds link the cells of a group."""
        group = np.arange(len(self.cells))
        for has_seed in ~np.isnan(self._table.T):
            group[np.isin(group, group[has_seed])] = group[has_seed].min()
        return group

    def _is_linked(self, weights: Numbers) -> bool:
        """Return whether a contrast compares cells within groups only, so that seeds pair them."""
        sums = [weights[self._groups == group].sum() for group in np.unique(self._groups)]
        return bool(np.allclose(sums, 0, atol=1e-9))

    @cached_property
    def _fit(self) -> _Fit:
        means = np.nanmean(self._table, axis=1) if self.cells else np.zeros(0)
        errors = np.zeros((self._draws, len(self.cells)))
        variances = np.full(len(self.cells), math.nan)
        for group in np.unique(self._groups):
            members = np.flatnonzero(self._groups == group)
            table = self._table[members]
            table = table[:, ~np.isnan(table).all(axis=0)]
            # The degrees of freedom that the means of cells and seeds leave.
            freedom = int((~np.isnan(table)).sum()) - len(members) - table.shape[1] + 1
            if freedom < 1:
                means[members] = fit_means(table[None], np.ones((1, len(members))))[0]
                continue
            has_baseline = self._has_baseline and 0 in members
            chains = min(_CHAINS, self._draws)
            fit = sample_seed_errors(
                table[None], self._draws, np.random.default_rng(0), chains, has_baseline
            )
            means[members], variances[members] = fit.estimates[0], fit.variances[0]
            errors[:, members] = fit.errors[: self._draws, 0]
        has_variance = not np.isnan(variances).all()
        return _Fit(means, errors if has_variance else None, variances)
