"""Clips: each labelled frame with the past frames that form its memory. Imports no torch.

The rule: the memory of a frame consists of the frames 1, 2, ... times `frame_stride` video frames
before it, oldest first, from the same sequence and split. A frame one number off counts as a match
(CamVid labels frame 901 where 900 is expected). Where the recording does not reach back far enough
or has a gap, the oldest matching frame is repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from vss.data.dataset import Frame, VideoDataset


class Clip(NamedTuple):
    """A labelled frame and its memory, as indices into a dataset's frames."""

    target: int
    memory: tuple[int, ...]


def list_clips(
    frames: Sequence[Frame], split: str, memory_length: int, frame_stride: int
) -> list[Clip]:
    """List the clips of one split, one per labelled frame.

    Args:
        frames: all frames of the dataset.
        split: train, val or test.
        memory_length: the number of past frames in each clip.
        frame_stride: video frames from one of them to the next.
    """
    index = {(f.sequence, f.number): i for i, f in enumerate(frames) if f.split == split}
    return [
        Clip(i, _memory(index, frame, i, memory_length, frame_stride))
        for i, frame in enumerate(frames)
        if frame.split == split and frame.label
    ]


def find_predecessor(
    index: Mapping[tuple[str, int], int], target: Frame, strides: int, stride: int
) -> int | None:
    """Find the frame `strides` times `stride` before a target, or one number off.

    Args:
        index: (sequence, number) -> index of each frame of the split.
        target: the frame to look back from.
        strides: the number of strides to go back: 1, 2, ...
        stride: video frames from one predecessor to the next.

    Returns:
        the index of the predecessor, or None if there is none.
    """
    expected_number = target.number - strides * stride
    # At strides of 1 and 2, the frame one number off could be another slot's frame.
    offsets = (0, -1, 1) if stride > 2 else (0,)
    candidates = (index.get((target.sequence, expected_number + offset)) for offset in offsets)
    return next((i for i in candidates if i is not None), None)


def keep_needed_frames(
    dataset: VideoDataset, memory_length: int, frame_stride: int
) -> VideoDataset:
    """Drop the frames that no clip of any split uses.

    The clips stay the same, as a memory depends only on the remaining frames.
    """
    splits = {frame.split for frame in dataset.frames}
    clips = [c for s in splits for c in list_clips(dataset.frames, s, memory_length, frame_stride)]
    indices = {index for clip in clips for index in (clip.target, *clip.memory)}
    return replace(dataset, frames=tuple(dataset.frames[index] for index in sorted(indices)))


def count_matches(
    frames: Sequence[Frame], clips: Sequence[Clip], frame_stride: int
) -> dict[str, int]:
    """Count how well the memory frames of clips match the expected frames.

    Args:
        frames: all frames of the dataset.
        clips: clips listed from these frames with the same `frame_stride`.
        frame_stride: video frames from one memory frame to the next.

    Returns:
        the number of memory frames under `exact`, `one_off` and `repeated`.
    """
    counts = {"exact": 0, "one_off": 0, "repeated": 0}
    for clip in clips:
        for strides, index in enumerate(reversed(clip.memory), start=1):
            expected_number = frames[clip.target].number - strides * frame_stride
            deviation = abs(frames[index].number - expected_number)
            # Only strides above 2 accept a frame one number off; otherwise it is a repetition.
            one_off = deviation == 1 and frame_stride > 2
            counts["exact" if deviation == 0 else "one_off" if one_off else "repeated"] += 1
    return counts


def _memory(
    index: Mapping[tuple[str, int], int], target: Frame, target_index: int, length: int, stride: int
) -> tuple[int, ...]:
    newest_first: list[int] = []
    for strides in range(1, length + 1):
        match = find_predecessor(index, target, strides, stride)
        if match is None:
            oldest = newest_first[-1] if newest_first else target_index
            newest_first += [oldest] * (length - len(newest_first))
            break
        newest_first.append(match)
    return tuple(reversed(newest_first))
