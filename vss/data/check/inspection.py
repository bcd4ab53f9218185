"""Read every file of a dataset once; report its contents and broken files. Imports no torch."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vss.data.check.report import DatasetReport, SplitReport
from vss.data.check.split_summary import FrameContents, format_size, summarise_split
from vss.data.dataset import IGNORE_LABEL, Frame, VideoDataset

# Labelled frames of the published splits; TMANet's list of test frames has one fewer.
PUBLISHED_COUNTS = {"camvid": {"train": (367,), "val": (101,), "test": (233, 232)}}
_ASPECT_TOLERANCE = 0.02  # relative; scaled images are rounded to whole pixels


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
        name: the dataset's name, under which its published counts are looked up.
        progress: called with the number of frames read so far.
        threads: the number of threads that read files.
    """
    contents = []
    with ThreadPoolExecutor(threads) as pool:
        for frame_contents in pool.map(lambda frame: _read(dataset, frame), dataset.frames):
            contents.append(frame_contents)
            progress(len(contents))
    by_split: dict[str, list[FrameContents]] = {}
    for frame_contents in contents:
        by_split.setdefault(frame_contents.frame.split, []).append(frame_contents)
    classes = list(dataset.classes)
    splits = {split: summarise_split(part, classes, stride) for split, part in by_split.items()}
    problems = [problem for frame_contents in contents for problem in frame_contents.problems]
    problems += _odd_labels(contents) + _frames_in_two_splits(dataset.frames)
    return DatasetReport(stride, splits, tuple(problems), tuple(_remarks(name, splits)))


def _read(dataset: VideoDataset, frame: Frame) -> FrameContents:
    image_size = label_size = counts = None
    problems = []
    try:
        height, width = dataset.read_image(frame).shape[:2]
        image_size = (width, height)
    except Exception as error:  # the report covers whatever goes wrong
        problems.append(_problem(frame.image, error))
    if frame.label:
        try:
            label = dataset.read_label(frame)
            label_size = (label.shape[1], label.shape[0])
            counts = np.bincount(label.ravel(), minlength=256)
        except Exception as error:  # as above
            problems.append(_problem(frame.label, error))
    if counts is not None:
        problems += _unexpected_values(frame, counts, len(dataset.classes))
    return FrameContents(frame, image_size, label_size, counts, tuple(problems))


def _problem(path: str, error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"{path}: {text}".splitlines()[0]


def _unexpected_values(frame: Frame, counts: NDArray[np.int64], classes: int) -> list[str]:
    values = [int(v) for v in np.flatnonzero(counts[classes:]) + classes if v != IGNORE_LABEL]
    if not values:
        return []
    return [
        f"{frame.label}: unexpected label values {', '.join(map(str, values))} "
        f"(expected 0 to {classes - 1}, or {IGNORE_LABEL})"
    ]


def _odd_labels(contents: Sequence[FrameContents]) -> list[str]:
    """List the labels whose shape does not fit their image or whose size is unusual."""
    sizes = Counter(frame.label_size for frame in contents if frame.label_size)
    problems = []
    for frame_contents in contents:
        label, size = frame_contents.frame.label, frame_contents.label_size
        if size is None:
            continue
        image_size, usual_size = frame_contents.image_size, sizes.most_common(1)[0][0]
        if image_size and not _same_aspect(image_size, size):
            problems.append(
                f"{label}: {format_size(size)} has a different aspect ratio from its image "
                f"({format_size(image_size)})"
            )
        elif size != usual_size:
            problems.append(
                f"{label}: {format_size(size)}, but most labels are {format_size(usual_size)}"
            )
    return problems


def _same_aspect(image_size: tuple[int, int], label_size: tuple[int, int]) -> bool:
    ratio = image_size[0] * label_size[1] / (image_size[1] * label_size[0])
    return abs(ratio - 1) <= _ASPECT_TOLERANCE


def _frames_in_two_splits(frames: Sequence[Frame]) -> list[str]:
    """List the frames that are labelled in two splits, as training frames would be scored."""
    splits_by_name: dict[str, list[str]] = {}
    for frame in frames:
        if frame.label:
            splits_by_name.setdefault(frame.name, []).append(frame.split)
    return [
        f"{name}: labelled in both {' and '.join(dict.fromkeys(splits))}"
        for name, splits in splits_by_name.items()
        if len(set(splits)) > 1
    ]


def _remarks(name: str, splits: Mapping[str, SplitReport]) -> list[str]:
    """Compare the counts with the published ones, and name classes that a split lacks."""
    remarks = []
    if expected := PUBLISHED_COUNTS.get(name):
        counts = {split: splits[split].labelled if split in splits else 0 for split in expected}
        agree = all(counts[split] in alternatives for split, alternatives in expected.items())
        comparison = "as published" if agree else f"{_format_published(expected)} are published"
        remarks.append(f"labelled frames {'/'.join(map(str, counts.values()))}: {comparison}")
    remarks += [
        f"{split} has no labelled frames"
        for split in ("train", "val", "test")
        if split not in splits or not splits[split].labelled
    ]
    for split, report in splits.items():
        missing_classes = [c for c, frames in report.class_frames.items() if not frames]
        if missing_classes and report.labelled:
            remarks.append(f"{split} contains no {', '.join(missing_classes)}")
    return remarks


def _format_published(counts: Mapping[str, tuple[int, ...]]) -> str:
    return "/".join(" or ".join(map(str, alternatives)) for alternatives in counts.values())
