"""Scores on other test sets: a bootstrap over blocks of frames (`blocks.py`).

Scores are computed from the summed confusion matrices of a draw, never averaged over frames. All
trials see the same draws, so differences are paired. Of M blocks, M - 1 are drawn, and each counts
M / (M - 1) times, which makes variances unbiased (Rao and Wu 1988).

Shapes: F frames, M blocks, S draws, K classes.
"""

import numpy as np
from numpy.typing import NDArray

from reports.analysis.blocks import Blocks
from reports.analysis.inference import TestSetError

Confusions = NDArray[np.int64]  # (F, K, K): rows are labels, columns predictions
Numbers = NDArray[np.float64]

DRAWS = 10_000


class TestSets:
    """The resampled test sets, the same for every trial.

    Attributes:
        blocks: the blocks that are drawn.
    """

    __test__ = False  # pytest would collect it for its name

    def __init__(self, blocks: Blocks, draws: int = DRAWS, seed: int = 0) -> None:
        """Draw blocks with replacement, within each stratum, many times.

        Args:
            blocks: the M blocks.
            draws: the number S of test sets.
            seed: the seed of the draws.
        """
        self.blocks = blocks
        self._order = np.argsort(blocks.numbers, kind="stable")
        self._starts = np.flatnonzero(np.diff(blocks.numbers[self._order], prepend=-1))
        self._counts = np.ones((draws, blocks.count))  # (S, M)
        rng = np.random.default_rng(seed)
        for stratum in np.unique(blocks.strata):
            members = np.flatnonzero(blocks.strata == stratum)
            size = len(members)
            if size > 1:
                counts = rng.multinomial(size - 1, np.full(size, 1 / size), size=draws)
                self._counts[:, members] = counts * (size / (size - 1))

    def iou(self, confusions: Confusions) -> Numbers:
        """Compute the IoU of each class, NaN if absent, on each test set: (F, K, K) -> (S, K)."""
        by_frame = _intersection_and_union(confusions)  # (F, K) each
        by_block = [np.add.reduceat(part[self._order], self._starts, axis=0) for part in by_frame]
        return _ratio(*(self._counts @ part for part in by_block))

    def miou(self, confusions: Confusions) -> Numbers:
        """Compute the mean IoU over the classes of each test set: (F, K, K) -> (S,)."""
        return mean_over_classes(self.iou(confusions))

    def error(self, draws: Numbers) -> TestSetError | None:
        """Estimate the variation of statistics from their (J, S) draws.

        Returns:
            the error, or None if the blocks leave no degree of freedom.
        """
        if self.blocks.freedom == 0:
            return None
        return TestSetError(np.atleast_2d(np.cov(draws)), self.blocks.freedom)


def iou(confusions: Confusions) -> Numbers:
    """Compute the IoU of summed matrices, NaN for an absent class: (F, K, K) -> (K,)."""
    intersection, union = _intersection_and_union(confusions.sum(axis=0, keepdims=True))
    return np.asarray(_ratio(intersection, union)[0])


def mean_over_classes(values: Numbers) -> Numbers:
    """Average over the classes that occur: (..., K) -> (...)."""
    is_present = ~np.isnan(values)
    total = np.where(is_present, values, 0.0).sum(axis=-1)
    return np.asarray(total / np.maximum(is_present.sum(axis=-1), 1))


def influence(confusions: Confusions) -> Numbers:
    """Return what each frame adds to the mean IoU, to first order: (F, K, K) -> (F,).

    The amounts add up to 0.
    """
    intersection, union = _intersection_and_union(confusions)
    totals, unions = intersection.sum(axis=0), union.sum(axis=0)
    is_present = unions > 0
    values = totals[is_present] / unions[is_present]
    by_class = (intersection[:, is_present] - values * union[:, is_present]) / unions[is_present]
    return np.asarray(by_class.mean(axis=1))


def _intersection_and_union(confusions: Confusions) -> tuple[Numbers, Numbers]:
    """Return intersection and union by frame and class: (F, K, K) -> (F, K) each."""
    intersection = np.diagonal(confusions, axis1=-2, axis2=-1).astype(np.float64)
    return intersection, confusions.sum(axis=-1) + confusions.sum(axis=-2) - intersection


def _ratio(intersection: Numbers, union: Numbers) -> Numbers:
    ratio = np.full_like(intersection, np.nan)
    return np.divide(intersection, union, out=ratio, where=union > 0)
