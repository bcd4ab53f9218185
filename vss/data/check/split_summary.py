"""Summarise the frames of one split: sizes, classes, predecessors, sequences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vss.data.check.report import LONGEST_MEMORY, SequenceReport, SplitReport
from vss.data.clips import find_predecessor
from vss.data.dataset import Frame


@dataclass(frozen=True)
class FrameContents:
    """The contents of one frame's files.

    Attributes:
        frame: the frame.
        image_size: (width, height), or None if the image is broken.
        label_size: (width, height), or None if there is no label or it is broken.
        counts: (256,) number of pixels of each label value, or None if there is no label size.
        problems: a line for each problem.
    """

    frame: Frame
    image_size: tuple[int, int] | None
    label_size: tuple[int, int] | None
    counts: NDArray[np.int64] | None
    problems: tuple[str, ...]


def summarise_split(
    contents: Sequence[FrameContents], classes: Sequence[str], stride: int
) -> SplitReport:
    """Summarise the frames of one split.

    Args:
        contents: the frames of the split, in time order within each sequence.
        classes: the names of the classes, in the order of the label values.
        stride: video frames between a frame and its predecessor.
    """
    frames = [frame_contents.frame for frame_contents in contents]
    counts = [frame.counts for frame in contents if frame.counts is not None]
    total = np.sum(counts, axis=0) if counts else np.zeros(256, dtype=np.int64)
    labelled_pixels = max(1, int(total[: len(classes)].sum()))
    exact_counts, near_counts = _count_predecessors(frames, stride)
    image_sizes = Counter(format_size(frame.image_size) for frame in contents if frame.image_size)
    label_sizes = Counter(format_size(frame.label_size) for frame in contents if frame.label_size)
    return SplitReport(
        frames=len(frames),
        labelled=sum(1 for frame in frames if frame.label),
        image_sizes=dict(image_sizes),
        label_sizes=dict(label_sizes),
        label_values={int(value): int(total[value]) for value in np.flatnonzero(total)},
        class_shares={c: int(total[i]) / labelled_pixels for i, c in enumerate(classes)},
        class_frames={c: sum(1 for n in counts if n[i]) for i, c in enumerate(classes)},
        predecessors=exact_counts,
        predecessors_near=near_counts,
        sequences=_sequences(frames),
    )


def format_size(size: tuple[int, int]) -> str:
    """Format (width, height), for example as "640x480"."""
    return f"{size[0]}x{size[1]}"


def _count_predecessors(
    frames: Sequence[Frame], stride: int
) -> tuple[dict[int, int], dict[int, int]]:
    """Count labelled frames with k predecessors: all at exact numbers, or some one number off."""
    index = {(frame.sequence, frame.number): i for i, frame in enumerate(frames)}
    exact_counts = dict.fromkeys(range(1, LONGEST_MEMORY + 1), 0)
    near_counts = exact_counts.copy()
    for target in (frame for frame in frames if frame.label):
        counts = exact_counts
        for strides in range(1, LONGEST_MEMORY + 1):
            match = find_predecessor(index, target, strides, stride)
            if match is None:
                break
            if frames[match].number != target.number - strides * stride:
                counts = near_counts
            counts[strides] += 1
    return exact_counts, near_counts


def _sequences(frames: Sequence[Frame]) -> tuple[SequenceReport, ...]:
    numbers: dict[str, list[int]] = {}
    for frame in frames:
        numbers.setdefault(frame.sequence, []).append(frame.number)
    return tuple(_sequence(name, sorted(in_sequence)) for name, in_sequence in numbers.items())


def _sequence(name: str, numbers: Sequence[int]) -> SequenceReport:
    gaps = Counter(second - first for first, second in pairwise(numbers))
    spacing = gaps.most_common(1)[0][0] if gaps else 0
    irregular = tuple((a, b) for a, b in pairwise(numbers) if b - a != spacing)
    return SequenceReport(name, len(numbers), numbers[0], numbers[-1], spacing, irregular)
