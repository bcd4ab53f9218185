"""What another test set might have said: a bootstrap of blocks of consecutive frames.

Neighbouring frames of a video show the same things, so that single frames are not independent:
whole blocks of a sequence are drawn. Scores are computed from the summed confusion matrices of a
draw, never averaged over frames. All trials see the same draws, so that differences are paired.

Shapes: F frames, M blocks, S draws, K classes.
"""

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Confusions = NDArray[np.int64]  # (F, K, K): rows are labels, columns predictions
Numbers = NDArray[np.float64]

BLOCK_FRAMES = 10
DRAWS = 10_000
_NAME = re.compile(r"^(?P<sequence>.*)/\d+$")


class TestSets:
    """Test sets that might have been: the same ones for every trial.

    Attributes:
        blocks: M; one block alone says nothing of others.
    """

    __test__ = False  # no test case, whatever its name begins with

    def __init__(self, frames: Sequence[str], draws: int = DRAWS, seed: int = 0) -> None:
        """Draw M of the M blocks, with replacement, many times.

        Args:
            frames: names as `sequence/number`, in the order of time inside a sequence.
            draws: S.
            seed: of the draws.
        """
        numbers = blocks_of(frames)
        self.blocks = int(numbers[-1]) + 1
        self._starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        shares = np.full(self.blocks, 1 / self.blocks)
        rng = np.random.default_rng(seed)
        self._drawn = rng.multinomial(self.blocks, shares, size=draws).astype(np.float64)  # (S, M)

    def iou(self, confusions: Confusions) -> Numbers:
        """(F, K, K) -> (S, K) IoU of every class on every drawn set; NaN where it is not in it."""
        true, union = _true_and_union(confusions)  # (F, K) each
        of_blocks = [np.add.reduceat(part, self._starts, axis=0) for part in (true, union)]
        return _ratio(*(self._drawn @ part for part in of_blocks))

    def miou(self, confusions: Confusions) -> Numbers:
        """(F, K, K) -> (S,) mean IoU over the classes of each drawn set."""
        return mean_over_classes(self.iou(confusions))

    def variance(self, draws: Numbers) -> float:
        """Of a statistic over test sets, from its (S,) values; NaN for a single block.

        A bootstrap of M blocks is too narrow by (M - 1) / M.
        """
        if self.blocks == 1:
            return float("nan")
        return float(np.nanvar(draws) * self.blocks / (self.blocks - 1))


def blocks_of(frames: Sequence[str], length: int = BLOCK_FRAMES) -> NDArray[np.int64]:
    """The block that each frame belongs to: (F,), numbered from 0.

    A sequence is cut into equal parts of about `length` frames; a block never spans two.
    """
    numbers: list[int] = []
    for _, group in groupby(frames, key=_sequence):
        count = len(list(group))
        parts = max(1, round(count / length))
        first = numbers[-1] + 1 if numbers else 0
        numbers += [first + place * parts // count for place in range(count)]
    return np.array(numbers, dtype=np.int64)


def iou(confusions: Confusions) -> Numbers:
    """(F, K, K) -> (K,) IoU of the summed matrices; NaN for a class in neither."""
    true, union = _true_and_union(confusions.sum(axis=0, keepdims=True))
    return np.asarray(_ratio(true, union)[0])


def mean_over_classes(values: Numbers) -> Numbers:
    """(..., K) -> (...) mean over the classes that occur."""
    occurs = ~np.isnan(values)
    total = np.where(occurs, values, 0.0).sum(axis=-1)
    return np.asarray(total / np.maximum(occurs.sum(axis=-1), 1))


def _sequence(frame: str) -> str:
    found = _NAME.match(frame)
    return found["sequence"] if found else frame


def _true_and_union(confusions: Confusions) -> tuple[Numbers, Numbers]:
    """(F, K, K) -> intersections and unions, (F, K) each."""
    true = np.diagonal(confusions, axis1=-2, axis2=-1).astype(np.float64)
    return true, confusions.sum(axis=-1) + confusions.sum(axis=-2) - true


def _ratio(true: Numbers, union: Numbers) -> Numbers:
    return np.divide(true, union, out=np.full_like(true, np.nan), where=union > 0)
