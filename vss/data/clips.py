"""Frames of a dataset, and which past frames go with each labelled one. Imports no torch.

The rule: the memory of a frame holds those at 1, 2, ... times `frame_stride` video frames before
it, oldest first, from the same sequence and split. A frame one number off counts as found (CamVid
labels frame 901 where 900 was due). Where the video was not recorded far enough back, or has a
hole, the oldest frame found so far is repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IGNORE_LABEL = 255  # pixels that are neither trained nor scored, in every dataset
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One video frame.

    Attributes:
        split: train, val or test.
        sequence: the video it belongs to.
        number: its place in that video, counted in video frames.
        image: where its pixels are, relative to the dataset's folder.
        label: where its label is, or "" if it has none.
    """

    split: str
    sequence: str
    number: int
    image: str
    label: str

    @property
    def name(self) -> str:
        """Readable and unique: sequence and number."""
        return f"{self.sequence}/{self.number:06d}"


@dataclass(frozen=True)
class VideoDataset:
    """What a dataset holds, and how to read it.

    Attributes:
        frames: all frames, in time order inside each sequence.
        fingerprint: changes whenever an image or label does.
        read_image: frame -> (H, W, 3) RGB at its own size.
        read_label: frame -> (H, W) label values; IGNORE_LABEL where none.
        classes: name -> RGB colour, in the order of the label values.
    """

    frames: tuple[Frame, ...]
    fingerprint: str
    read_image: Callable[[Frame], Image]
    read_label: Callable[[Frame], Image]
    classes: Mapping[str, tuple[int, int, int]]


class Clip(NamedTuple):
    """A labelled frame and its memory, as indices into a dataset's frames."""

    target: int
    memory: tuple[int, ...]


def clips_of(
    frames: Sequence[Frame], split: str, memory_length: int, frame_stride: int
) -> list[Clip]:
    """The clips of one split, one per labelled frame.

    Args:
        frames: of the whole dataset.
        split: train, val or test.
        memory_length: past frames in each clip.
        frame_stride: video frames between them.
    """
    index = {(f.sequence, f.number): i for i, f in enumerate(frames) if f.split == split}
    return [
        Clip(i, _memory(index, frame, i, memory_length, frame_stride))
        for i, frame in enumerate(frames)
        if frame.split == split and frame.label
    ]


def only_needed(dataset: VideoDataset, memory_length: int, frame_stride: int) -> VideoDataset:
    """The same dataset without the frames that no clip of any split holds.

    Clips of the rest are the same: what a memory takes depends only on frames that are kept.
    """
    splits = {frame.split for frame in dataset.frames}
    clips = [c for s in splits for c in clips_of(dataset.frames, s, memory_length, frame_stride)]
    needed = {index for clip in clips for index in (clip.target, *clip.memory)}
    return replace(dataset, frames=tuple(dataset.frames[index] for index in sorted(needed)))


def spacing_found(
    frames: Sequence[Frame], clips: Sequence[Clip], frame_stride: int
) -> dict[str, int]:
    """How many memory frames of clips lie where they were due.

    Args:
        frames: of the whole dataset.
        clips: made of them with the same `frame_stride`.
        frame_stride: video frames that were asked for.

    Returns:
        counts under `exact`, `one_off` and `repeated`.
    """
    counts = {"exact": 0, "one_off": 0, "repeated": 0}
    for clip in clips:
        for back, index in enumerate(reversed(clip.memory), start=1):
            due = frames[clip.target].number - back * frame_stride
            off = abs(frames[index].number - due)
            # One off is only ever taken at strides above 2; nearer ones are repetitions.
            near = off == 1 and frame_stride > 2
            counts["exact" if off == 0 else "one_off" if near else "repeated"] += 1
    return counts


def _memory(
    index: dict[tuple[str, int], int], target: Frame, own: int, length: int, stride: int
) -> tuple[int, ...]:
    newest_first: list[int] = []
    for back in range(1, length + 1):
        wanted = target.number - back * stride
        # One off counts only where it cannot be a neighbour that is due itself.
        offsets = (0, -1, 1) if stride > 2 else (0,)
        found = [index.get((target.sequence, wanted + offset)) for offset in offsets]
        hits = [i for i in found if i is not None]
        if not hits:
            oldest = newest_first[-1] if newest_first else own
            newest_first += [oldest] * (length - len(newest_first))
            break
        newest_first.append(hits[0])
    return tuple(reversed(newest_first))
