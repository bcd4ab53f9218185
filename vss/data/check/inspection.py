"""Read every file of a dataset once and report its contents and what is broken.

Imports no torch.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vss.data.check.report import DatasetReport, SplitReport
from vss.data.check.split_summary import FrameContents, format_size, summarise_split
from vss.data.dataset import IGNORE_LABEL, Frame, VideoDataset

# Labelled frames of the published splits; TMANet's list of test frames has one fewer.
PUBLISHED = {"camvid": {"train": (367,), "val": (101,), "test": (233, 232)}}
_ASPECT_TOLERANCE = 0.02  # of the ratio; scaled pictures are rounded to whole pixels


def inspect_dataset(
    dataset: VideoDataset,
    stride: int,
    name: str = "",
    progress: Callable[[int], None] = lambda frames: None,
    threads: int = 4,
) -> DatasetReport:
    """Read every file of a dataset once.

    Args:
        dataset: the frames to read.
        stride: video frames between a frame and its predecessor.
        name: of the dataset, to compare its counts with the published ones.
        progress: called with the number of frames read so far.
        threads: how many read at once.
    """
    contents = []
    with ThreadPoolExecutor(threads) as pool:
        for one in pool.map(lambda frame: _read(dataset, frame), dataset.frames):
            contents.append(one)
            progress(len(contents))
    by_split: dict[str, list[FrameContents]] = {}
    for one in contents:
        by_split.setdefault(one.frame.split, []).append(one)
    classes = list(dataset.classes)
    splits = {split: summarise_split(part, classes, stride) for split, part in by_split.items()}
    broken = [problem for one in contents for problem in one.problems]
    broken += _odd_labels(contents) + _frames_in_two_splits(dataset.frames)
    return DatasetReport(stride, splits, tuple(broken), tuple(_remarks(name, splits)))


def _read(dataset: VideoDataset, frame: Frame) -> FrameContents:
    image_size = label_size = counts = None
    problems = []
    try:
        height, width = dataset.read_image(frame).shape[:2]
        image_size = (width, height)
    except Exception as error:  # every error that reading a file can raise belongs in the report
        problems.append(_problem(frame.image, error))
    if frame.label:
        try:
            label = dataset.read_label(frame)
            label_size = (label.shape[1], label.shape[0])
            counts = np.bincount(label.ravel(), minlength=256)
        except Exception as error:  # as above
            problems.append(_problem(frame.label, error))
    if counts is not None:
        problems += _unknown_values(frame, counts, len(dataset.classes))
    return FrameContents(frame, image_size, label_size, counts, tuple(problems))


def _problem(path: str, error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"{path}: {text}".splitlines()[0]


def _unknown_values(frame: Frame, counts: NDArray[np.int64], classes: int) -> list[str]:
    values = [int(v) for v in np.flatnonzero(counts[classes:]) + classes if v != IGNORE_LABEL]
    if not values:
        return []
    return [
        f"{frame.label}: unknown values {', '.join(map(str, values))}; "
        f"known are 0 to {classes - 1} and {IGNORE_LABEL}"
    ]


def _odd_labels(contents: Sequence[FrameContents]) -> list[str]:
    """List labels that do not fit their image, or differ in size from most labels."""
    sizes = Counter(one.label_size for one in contents if one.label_size)
    problems = []
    for one in contents:
        if one.label_size is None:
            continue
        usual = sizes.most_common(1)[0][0]
        if one.image_size and not _same_aspect(one.image_size, one.label_size):
            problems.append(
                f"{one.frame.label}: {format_size(one.label_size)} does not fit its image, "
                f"{format_size(one.image_size)}"
            )
        elif one.label_size != usual:
            problems.append(
                f"{one.frame.label}: {format_size(one.label_size)}, "
                f"most labels are {format_size(usual)}"
            )
    return problems


def _same_aspect(one: tuple[int, int], other: tuple[int, int]) -> bool:
    ratio = one[0] * other[1] / (one[1] * other[0])
    return abs(ratio - 1) <= _ASPECT_TOLERANCE


def _frames_in_two_splits(frames: Sequence[Frame]) -> list[str]:
    """List frames with a label in two splits: scores would count training frames."""
    splits_by_name: dict[str, list[str]] = {}
    for frame in frames:
        if frame.label:
            splits_by_name.setdefault(frame.name, []).append(frame.split)
    return [
        f"{name}: is in {' and '.join(dict.fromkeys(splits))}"
        for name, splits in splits_by_name.items()
        if len(set(splits)) > 1
    ]


def _remarks(name: str, splits: Mapping[str, SplitReport]) -> list[str]:
    """Compare counts with the published ones, and name classes that a split does not show."""
    remarks = []
    if published := PUBLISHED.get(name):
        counts = {split: splits[split].labelled if split in splits else 0 for split in published}
        agree = all(counts[split] in expected for split, expected in published.items())
        remarks.append(
            f"labelled frames {'/'.join(map(str, counts.values()))}: "
            + ("as published" if agree else f"published are {_format_published(published)}")
        )
    for split, report in splits.items():
        missing = [c for c, frames in report.class_frames.items() if not frames]
        if missing and report.labelled:
            remarks.append(f"{split} does not show {', '.join(missing)}")
    return remarks


def _format_published(counts: Mapping[str, tuple[int, ...]]) -> str:
    return "/".join(" or ".join(map(str, alternatives)) for alternatives in counts.values())
