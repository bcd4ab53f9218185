"""The blocks of frames that a bootstrap resamples, and how long they have to be.

Neighbouring frames show the same things, so frames are drawn in blocks. With five sequences or
more, the blocks are whole sequences, as another test set would have different ones. Fewer sequences
say nothing about others, so each is cut into stretches, which are drawn within it. Stretches are
twice as long as the rule of Politis and White 2004 (with the correction of 2009) makes them for the
dependence between the frames of a sequence; the difference from the baseline that requires the
longest decides. The rule minimises the error of the variance, which leaves it too small: with 62
and 171 frames that are correlated by 0.8, 7.6 % of studies had a false verdict at its length, and
4.4 % at twice that.

Shapes: F frames, M blocks, J statistics.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

SEQUENCES_AS_BLOCKS = 5
FEWEST_FRAMES = 20  # cut into stretches; the variance over fewer is too uncertain
_LONGEST_SHARE = 0.25  # of the longest sequence: stretches that have to be longer are too few
_QUIET_LAGS = 5  # the dependence ends before this many correlations in a row within noise
_NAME = re.compile(r"^(?P<sequence>.*)/\d+$")


@dataclass(frozen=True)
class Blocks:
    """The grouping of frames into blocks.

    Attributes:
        numbers: the (F,) index of each frame's block, from 0.
        strata: the (M,) group that each block is drawn within.
        frames: the mean length of a stretch in frames; None if the blocks are whole sequences.
        are_too_few: whether stretches are as long as required only in part, so that the variance
            over them is too small.
    """

    numbers: Integers
    strata: Integers
    frames: int | None = None
    are_too_few: bool = False

    @property
    def count(self) -> int:
        """The number M of blocks."""
        return len(self.strata)

    @property
    def freedom(self) -> int:
        """The degrees of freedom of a variance over blocks; 0 if there is nothing to compare."""
        return self.count - len(np.unique(self.strata))


def choose_blocks(frames: Sequence[str], influences: Numbers) -> Blocks:
    """Choose the blocks of a test set.

    Args:
        frames: the names of the frames as `sequence/number`, in temporal order within a sequence.
        influences: the (J, F) amounts that each frame adds to each statistic.
    """
    sequences = _number_sequences(frames)
    count = int(sequences.max()) + 1
    if count >= SEQUENCES_AS_BLOCKS:
        return Blocks(sequences, np.zeros(count, dtype=np.int64))
    required = 2 * max((_required_length(row, sequences) for row in influences), default=0.5)
    longest = np.bincount(sequences).max()
    blocks = cut_stretches(frames, max(1, math.ceil(required)))
    return replace(blocks, are_too_few=bool(required > _LONGEST_SHARE * longest))


def cut_stretches(frames: Sequence[str], length: int) -> Blocks:
    """Cut every sequence into two or more equal stretches of about `length` frames."""
    sequences = _number_sequences(frames)
    numbers = np.zeros(len(frames), dtype=np.int64)
    strata: list[int] = []
    for sequence, size in enumerate(np.bincount(sequences).tolist()):
        parts = min(size, max(2, round(size / length)))
        numbers[sequences == sequence] = len(strata) + np.arange(size) * parts // size
        strata += [sequence] * parts
    return Blocks(numbers, np.array(strata), round(len(frames) / len(strata)))


def deviations_over_blocks(influences: Numbers, blocks: Blocks) -> Numbers:
    """Estimate the standard deviations of statistics to first order: (J, F) -> (J,)."""
    sums = np.stack([np.bincount(blocks.numbers, row, blocks.count) for row in influences])
    variances = np.zeros(len(influences))
    for stratum in np.unique(blocks.strata):
        members = sums[:, blocks.strata == stratum]
        size = members.shape[1]
        if size > 1:
            variances += members.var(axis=1, ddof=1) * size
    return np.sqrt(variances)


def count_frames(frames: Sequence[str]) -> Counter[str]:
    """Count the frames of each sequence."""
    return Counter(map(_sequence, frames))


def _number_sequences(frames: Sequence[str]) -> Integers:
    """Number the sequence of each frame: (F,)."""
    names = list(map(_sequence, frames))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names])


def _sequence(frame: str) -> str:
    name = _NAME.match(frame)
    return name["sequence"] if name else frame


def _required_length(influence: Numbers, sequences: Integers) -> float:
    """Return the block length of Politis and White, with autocovariances within sequences."""
    parts = [influence[sequences == sequence] for sequence in np.unique(sequences)]
    covariances = _autocovariances([part - part.mean() for part in parts])
    size = len(influence)
    if covariances[0] <= 0 or len(covariances) == 1:
        return 1.0
    reach = _reach(covariances[1:] / covariances[0], size)
    lags = np.arange(1, min(2 * reach, len(covariances) - 1) + 1)
    # A flat-topped window: 1 up to half of the lags, then falling to 0.
    weighted = np.minimum(1, 2 * (1 - lags / (2 * reach))) * covariances[lags]
    slope = 2 * (lags * weighted).sum()
    spectrum = covariances[0] + 2 * weighted.sum()
    if spectrum <= 0:
        return 1.0
    return float((2 * slope**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * size ** (1 / 3))


def _autocovariances(parts: Sequence[Numbers]) -> Numbers:
    """Return the autocovariances of centred sequences, from lag 0."""
    size = sum(map(len, parts))
    last = min(math.ceil(math.sqrt(size)) + _QUIET_LAGS, max(map(len, parts)) - 1)
    sums = [
        sum(float(part[lag:] @ part[: len(part) - lag]) for part in parts if len(part) > lag)
        for lag in range(last + 1)
    ]
    return np.array(sums) / size


def _reach(correlations: Numbers, size: int) -> int:
    """Return the last lag before several correlations in a row are within noise; at least 1."""
    noise = 2 * math.sqrt(math.log10(max(size, 10)) / size)
    is_small = np.abs(correlations) < noise
    for lag in range(len(is_small)):
        if is_small[lag : lag + _QUIET_LAGS].all():
            return max(1, lag)
    return max(1, len(is_small) // 2)
