"""The report on a dataset: what each split holds, and what is broken."""

from collections.abc import Mapping
from dataclasses import dataclass

from vss.data.dataset import IGNORE_LABEL

LONGEST_MEMORY = 4  # predecessors that are counted


@dataclass(frozen=True)
class SequenceReport:
    """One video, or the part of it that a split holds.

    Attributes:
        frames: labelled or not.
        first, last: the smallest and the largest frame number.
        spacing: the most frequent difference of neighbouring numbers; 0 for a single frame.
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
        image_sizes, label_sizes: "WIDTHxHEIGHT" -> files.
        label_values: value -> pixels; IGNORE_LABEL for those that are unlabelled.
        class_shares: class -> share of the labelled pixels.
        class_frames: class -> frames that show it.
        predecessors: k -> labelled frames with k predecessors at the exact numbers.
        predecessors_near: k -> labelled frames with k predecessors, some of them one number off.
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
        """The share of the label pixels that are neither trained nor scored."""
        return self.label_values.get(IGNORE_LABEL, 0) / max(1, sum(self.label_values.values()))


@dataclass(frozen=True)
class DatasetReport:
    """The contents of a dataset.

    Attributes:
        stride: video frames between a frame and its predecessor.
        splits: name -> its contents.
        broken: a line for each broken file, and for each labelled frame that is in two splits.
        remarks: what is unusual but not an error.
    """

    stride: int
    splits: Mapping[str, SplitReport]
    broken: tuple[str, ...]
    remarks: tuple[str, ...]
