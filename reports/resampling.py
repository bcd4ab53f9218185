"""What another test set might have said: a bootstrap of blocks of consecutive frames.

Neighbouring frames of a video show the same things, so that single frames are not independent:
whole blocks of a sequence are drawn. Scores are computed from the summed confusion matrices of a
draw, never averaged over frames. All trials see the same draws, so that differences are paired.

Shapes: F frames, M blocks, S draws, R trials, K classes.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Confusions = NDArray[np.int64]  # (F, K, K): rows are labels, columns predictions
Numbers = NDArray[np.float64]

BLOCK_FRAMES = 10
DRAWS = 10_000
_NAME = re.compile(r"^(?P<sequence>.*)/\d+$")


def blocks_of(frames: Sequence[str], length: int = BLOCK_FRAMES) -> NDArray[np.int64]:
    """The block that each frame belongs to: (F,), numbered from 0.

    A sequence is cut into equal parts of about `length` frames; a block never spans two.

    Args:
        frames: names as `sequence/number`, in the order of time inside a sequence.
        length: frames of a block.
    """
    numbers: list[int] = []
    for _, group in groupby(frames, key=_sequence):
        count = len(list(group))
        parts = max(1, round(count / length))
        first = numbers[-1] + 1 if numbers else 0
        numbers += [first + place * parts // count for place in range(count)]
    return np.array(numbers, dtype=np.int64)


def miou(confusions: Confusions) -> float:
    """Mean IoU of summed confusion matrices, over the classes in label or prediction."""
    true, union = _true_and_union(confusions[None])
    return float(_mean_iou(true.sum(axis=1), union.sum(axis=1))[0])


def resampled_miou(
    trials: Sequence[Confusions], blocks: NDArray[np.int64], draws: int = DRAWS, seed: int = 0
) -> Numbers:
    """The mIoU of each trial on each of many drawn test sets.

    Args:
        trials: R times (F, K, K), all of the same frames.
        blocks: (F,) the block of each frame.
        draws: S.
        seed: of the draws; the same ones for the same number of blocks.

    Returns:
        (S, R). A class that occurs nowhere in the whole set is left out, one that only a draw
        misses is left out of that draw.
    """
    count = int(blocks.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    found = np.empty((draws, len(trials)))
    for column, confusions in enumerate(trials):
        true, union = _true_and_union(confusions[None])
        of_blocks = [np.add.reduceat(part[0], starts, axis=0) for part in (true, union)]
        # Sums over a draw are one matrix product: (S, M) @ (M, K).
        found[:, column] = _mean_iou(*(drawn.astype(np.float64) @ part for part in of_blocks))
    return found


def variance(draws: Numbers, blocks: int) -> float:
    """Of a statistic over the test set, from its (S,) draws; NaN for a single block.

    A bootstrap of M blocks is too narrow by (M - 1) / M.
    """
    return float(draws.var() * blocks / (blocks - 1)) if blocks > 1 else float("nan")


def resampled_differences(
    trials: Mapping[int, Confusions],
    others: Mapping[int, Confusions],
    blocks: NDArray[np.int64],
    draws: int = DRAWS,
) -> Numbers:
    """(S,) draws of the mean difference in mIoU over the seeds that two cells share."""
    shared = sorted(trials.keys() & others.keys())
    ours = resampled_miou([trials[seed] for seed in shared], blocks, draws)
    theirs = resampled_miou([others[seed] for seed in shared], blocks, draws)
    return np.asarray((ours - theirs).mean(axis=1))


def _sequence(frame: str) -> str:
    found = _NAME.match(frame)
    return found["sequence"] if found else frame


def _true_and_union(confusions: Confusions) -> tuple[Numbers, Numbers]:
    """(R, F, K, K) -> intersections and unions (R, F, K)."""
    true = np.diagonal(confusions, axis1=-2, axis2=-1).astype(np.float64)
    return true, confusions.sum(axis=-1) + confusions.sum(axis=-2) - true


def _mean_iou(true: Numbers, union: Numbers) -> Numbers:
    """(..., K) sums -> (...) mean over the classes that occur."""
    occurs = union > 0
    iou = np.divide(true, union, out=np.zeros_like(true), where=occurs)
    return np.asarray(iou.sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1))
