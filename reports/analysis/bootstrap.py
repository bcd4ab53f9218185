"""What another test set might have shown: a bootstrap over blocks of consecutive frames.

Neighbouring frames of a video show the same things, so single frames are not independent: whole
blocks of a sequence are drawn. Scores are computed from the summed confusion matrices of a draw,
never averaged over frames. All trials see the same draws, so differences are paired.

Shapes: F frames, M blocks, S draws, K classes.
"""

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from reports.analysis.inference import TestSetError

Confusions = NDArray[np.int64]  # (F, K, K): rows are labels, columns predictions
Numbers = NDArray[np.float64]

BLOCK_FRAMES = 10
DRAWS = 10_000
_NAME = re.compile(r"^(?P<sequence>.*)/\d+$")


class TestSets:
    """The resampled test sets, the same for every trial.

    Attributes:
        blocks: M; a single block tells nothing about others.
    """

    __test__ = False  # pytest would collect it for its name

    def __init__(self, frames: Sequence[str], draws: int = DRAWS, seed: int = 0) -> None:
        """Draw M of the M blocks, with replacement, many times.

        Args:
            frames: names as `sequence/number`, in the order of time inside a sequence.
            draws: S.
            seed: of the draws.
        """
        numbers = assign_blocks(frames)
        self.blocks = int(numbers[-1]) + 1
        self._starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        shares = np.full(self.blocks, 1 / self.blocks)
        rng = np.random.default_rng(seed)
        self._counts = rng.multinomial(self.blocks, shares, size=draws).astype(np.float64)  # (S, M)

    def iou(self, confusions: Confusions) -> Numbers:
        """(F, K, K) -> (S, K) IoU of every class on every test set; NaN where it is absent."""
        by_frame = _intersection_and_union(confusions)  # (F, K) each
        by_block = [np.add.reduceat(part, self._starts, axis=0) for part in by_frame]
        return _ratio(*(self._counts @ part for part in by_block))

    def miou(self, confusions: Confusions) -> Numbers:
        """(F, K, K) -> (S,) mean IoU over the classes of each test set."""
        return mean_over_classes(self.iou(confusions))

    def error(self, draws: Numbers) -> TestSetError | None:
        """Estimate the variation of statistics from their (J, S) draws; return None for a single
        block.

        A bootstrap of M blocks is too narrow by (M - 1) / M.
        """
        if self.blocks == 1:
            return None
        covariance = np.atleast_2d(np.cov(draws)) * self.blocks / (self.blocks - 1)
        return TestSetError(covariance, self.blocks - 1)


def assign_blocks(frames: Sequence[str], length: int = BLOCK_FRAMES) -> NDArray[np.int64]:
    """Number the block that each frame belongs to: (F,), from 0.

    A sequence is cut into equal parts of about `length` frames; a block never spans two sequences.
    """
    numbers: list[int] = []
    for _, group in groupby(frames, key=_sequence):
        count = len(list(group))
        parts = max(1, round(count / length))
        first = numbers[-1] + 1 if numbers else 0
        numbers += [first + place * parts // count for place in range(count)]
    return np.array(numbers, dtype=np.int64)


def count_sequences(frames: Sequence[str]) -> int:
    """Count the sequences that frames come from."""
    return len({_sequence(frame) for frame in frames})


def iou(confusions: Confusions) -> Numbers:
    """(F, K, K) -> (K,) IoU of the summed matrices; NaN for a class in neither."""
    intersection, union = _intersection_and_union(confusions.sum(axis=0, keepdims=True))
    return np.asarray(_ratio(intersection, union)[0])


def mean_over_classes(values: Numbers) -> Numbers:
    """(..., K) -> (...) mean over the classes that occur."""
    occurs = ~np.isnan(values)
    total = np.where(occurs, values, 0.0).sum(axis=-1)
    return np.asarray(total / np.maximum(occurs.sum(axis=-1), 1))


def _sequence(frame: str) -> str:
    name = _NAME.match(frame)
    return name["sequence"] if name else frame


def _intersection_and_union(confusions: Confusions) -> tuple[Numbers, Numbers]:
    """(F, K, K) -> (F, K) each."""
    intersection = np.diagonal(confusions, axis1=-2, axis2=-1).astype(np.float64)
    return intersection, confusions.sum(axis=-1) + confusions.sum(axis=-2) - intersection


def _ratio(intersection: Numbers, union: Numbers) -> Numbers:
    nothing = np.full_like(intersection, np.nan)
    return np.divide(intersection, union, out=nothing, where=union > 0)
