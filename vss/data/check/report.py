"""The report on a dataset: the contents of each split, and what is broken."""

from collections.abc import Mapping
from dataclasses import dataclass

from vss.data.dataset import IGNORE_LABEL

LONGEST_MEMORY = 4  # the largest number of predecessors to count


@dataclass(frozen=True)
class SequenceReport:
    """The frames of one video in one split.

    Attributes:
        name: the name of the video.
        frames: the number of frames, labelled or not.
        first, last: the smallest and the largest frame number.
        spacing: the most frequent difference of neighbouring numbers; 0 if there is one frame.
        irregular: pairs of neighbouring numbers that are not `spacing` apart.
    """

    name: str
    frames: int
    first: int
    last: int
    spacing: int
    irregular: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class SplitReport:
    """The contents of one split.

    Attributes:
        frames, labelled: the number of frames, and of labelled ones.
        image_sizes, label_sizes: "WIDTHxHEIGHT" -> number of files.
        label_values: value -> number of pixels; unlabelled ones have the value IGNORE_LABEL.
        class_shares: class -> fraction of the labelled pixels.
        class_frames: class -> number of frames that show it.
        predecessors: k -> labelled frames with k predecessors at the exact numbers.
        predecessors_near: k -> labelled frames with k predecessors, some of them one number off.
        sequences: its videos.
    """

    frames: int
    labelled: int
    image_sizes: Mapping[str, int]
    label_sizes: Mapping[str, int]
    label_values: Mapping[int, int]
    class_shares: Mapping[str, float]
    class_frames: Mapping[str, int]
    predecessors: Mapping[int, int]
    predecessors_near: Mapping[int, int]
    sequences: tuple[SequenceReport, ...]

    @property
    def unlabelled_share(self) -> float:
        """The fraction of label pixels that are ignored in training and scoring."""
        return self.label_values.get(IGNORE_LABEL, 0) / max(1, sum(self.label_values.values()))


@dataclass(frozen=True)
class DatasetReport:
    """The contents of a dataset.

    Attributes:
        stride: video frames between a frame and its predecessor.
        splits: name of a split -> its contents.
        broken: a line for each broken file, and for each frame that is labelled in two splits.
        remarks: a line for everything that is unusual but not an error.
    """

    stride: int
    splits: Mapping[str, SplitReport]
    broken: tuple[str, ...]
    remarks: tuple[str, ...]
