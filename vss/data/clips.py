"""Frames of a dataset, and which past frames go with each labelled one. Imports no torch.

The rule: the memory of a frame holds those at 1, 2, ... times `frame_stride` video frames before
it, oldest first, from the same sequence and split. A frame one number off counts as found (CamVid
labels frame 901 where 900 was due). Where the video was not recorded far enough back, or has a
hole, the oldest frame found so far is repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from vss.data.dataset import Frame, VideoDataset


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


def predecessor(
    index: Mapping[tuple[str, int], int], target: Frame, back: int, stride: int
) -> int | None:
    """The frame that is due `back` times `stride` before another one, or one number off.

    Args:
        index: (sequence, number) -> place, of the frames of one split.
        target: the frame that it comes before.
        back: 1, 2, ...
        stride: video frames.
    """
    wanted = target.number - back * stride
    # One off counts only where it cannot be a neighbour that is due itself.
    offsets = (0, -1, 1) if stride > 2 else (0,)
    found = (index.get((target.sequence, wanted + offset)) for offset in offsets)
    return next((i for i in found if i is not None), None)


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
    index: Mapping[tuple[str, int], int], target: Frame, own: int, length: int, stride: int
) -> tuple[int, ...]:
    newest_first: list[int] = []
    for back in range(1, length + 1):
        hit = predecessor(index, target, back, stride)
        if hit is None:
            oldest = newest_first[-1] if newest_first else own
            newest_first += [oldest] * (length - len(newest_first))
            break
        newest_first.append(hit)
    return tuple(reversed(newest_first))
