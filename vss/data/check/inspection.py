"""What a dataset holds, and what is broken in it: every file is read once. Imports no torch."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vss import catalog
from vss.data.clips import find_predecessor
from vss.data.custom.description import read_description
from vss.data.dataset import IGNORE_LABEL, Frame, VideoDataset, load_dataset
from vss.errors import UserError
from vss.trial_config import parse

LONGEST_MEMORY = 4  # predecessors that are counted
# Labelled frames of the published splits; TMANet's list of test frames has one less.
PUBLISHED = {"camvid": {"train": (367,), "val": (101,), "test": (233, 232)}}
_ASPECT_TOLERANCE = 0.02  # of the ratio; scaled pictures are rounded to whole pixels
# What an open dataset needs besides its name; none of it decides which frames are listed.
_ANY_TRIAL = {
    "frame_width": 64,
    "frame_height": 64,
    "backbone": "resnet18",
    "head": "fcn",
    "memory_length": 0,
    "include_current_frame": False,
    "steps": 1,
    "batch_size": 1,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "precision": "fp32",
    "seed": 0,
}


@dataclass(frozen=True)
class SequenceReport:
    """One video, as far as a split holds it.

    Attributes:
        frames: of it, labelled or not.
        spacing: the commonest difference of neighbouring numbers; 0 for a single frame.
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
    """What one split holds.

    Attributes:
        image_sizes, label_sizes: "width x height" -> files.
        label_values: value -> pixels; IGNORE_LABEL are the unlabelled ones.
        class_shares: class -> share of the labelled pixels.
        class_frames: class -> frames that show it.
        predecessors: k -> labelled frames whose k predecessors are there at the exact number.
        predecessors_near: k -> those where one of the k is one number off.
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
        """Share of the label pixels that are neither trained nor scored."""
        return self.label_values.get(IGNORE_LABEL, 0) / max(1, sum(self.label_values.values()))


@dataclass(frozen=True)
class Report:
    """What a dataset holds.

    Attributes:
        stride: video frames between a frame and its predecessor.
        splits: name -> what it holds.
        broken: a line for each broken file, and for each labelled frame that is in two splits.
        remarks: what is unusual, but no error.
    """

    stride: int
    splits: Mapping[str, SplitReport]
    broken: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Seen:
    """One frame as read: sizes are (width, height), `counts` is (256,) pixels of each value."""

    frame: Frame
    image_size: tuple[int, int] | None
    label_size: tuple[int, int] | None
    counts: NDArray[np.int64] | None
    problems: tuple[str, ...]


def _of_description(file: Path | None) -> dict[str, object]:
    if file is None or not file.is_file():
        raise UserError(f"folder needs the YAML file that describes it, found '{file or ''}'")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"dataset_file": f"sha256:{digest}", "classes": list(read_description(file).classes)}


def open_dataset(name: str, root: Path | None) -> VideoDataset:
    """List the frames of a dataset, its options at their defaults.

    Raises:
        UserError: for an unknown name, a path that is missing or not needed, a missing file.
    """
    try:
        catalog.require("dataset", name, catalog.DATASETS)
    except ValueError as error:
        raise UserError(str(error)) from None
    row = catalog.DATASETS[name]
    options = dict(row.options)
    if name == "folder":
        options |= _of_description(root)
    elif row.needs_path and (root is None or not root.is_dir()):
        raise UserError(f"{name} needs the folder where it lies, found '{root or ''}'")
    elif not row.needs_path and root is not None:
        raise UserError(f"{name} takes no path, found '{root}': leave it out")
    config = parse({**_ANY_TRIAL, **options, "dataset": name})
    return load_dataset(config, root)


def inspect(
    dataset: VideoDataset,
    stride: int,
    name: str = "",
    progress: Callable[[int], None] = lambda done: None,
    threads: int = 4,
) -> Report:
    """Read every file of a dataset once.

    Args:
        dataset: whose frames are read.
        stride: video frames between a frame and its predecessor.
        name: of the dataset; its published counts are compared.
        progress: told how many frames are done.
        threads: that read.
    """
    seen = []
    with ThreadPoolExecutor(threads) as pool:
        for one in pool.map(lambda frame: _read(dataset, frame), dataset.frames):
            seen.append(one)
            progress(len(seen))
    names = list(dict.fromkeys(frame.split for frame in dataset.frames))
    splits = {
        split: _split([one for one in seen if one.frame.split == split], dataset, stride)
        for split in names
    }
    broken = [problem for one in seen for problem in one.problems]
    broken += _odd_labels(seen) + _in_two_splits(dataset.frames)
    return Report(stride, splits, tuple(broken), tuple(_remarks(name, splits)))


def _read(dataset: VideoDataset, frame: Frame) -> _Seen:
    image_size = label_size = counts = None
    problems = []
    try:
        height, width = dataset.read_image(frame).shape[:2]
        image_size = (width, height)
    except Exception as error:  # whatever a file does to its reader is what is looked for
        problems.append(_problem(frame.image, error))
    if frame.label:
        try:
            label = dataset.read_label(frame)
            label_size = (label.shape[1], label.shape[0])
            counts = np.bincount(label.ravel(), minlength=256)
        except Exception as error:  # as above
            problems.append(_problem(frame.label, error))
    if counts is not None:
        problems += _outside(frame, counts, len(dataset.classes))
    return _Seen(frame, image_size, label_size, counts, tuple(problems))


def _problem(path: str, error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"{path}: {text}".splitlines()[0]


def _outside(frame: Frame, counts: NDArray[np.int64], classes: int) -> list[str]:
    values = [int(v) for v in np.flatnonzero(counts[classes:]) + classes if v != IGNORE_LABEL]
    if not values:
        return []
    found = ", ".join(map(str, values))
    return [f"{frame.label}: values {found} are no class (0 to {classes - 1}, {IGNORE_LABEL})"]


def _odd_labels(seen: Sequence[_Seen]) -> list[str]:
    """Labels that do not fit their image, or are of another size than most labels."""
    sizes = Counter(one.label_size for one in seen if one.label_size)
    problems = []
    for one in seen:
        if one.label_size is None:
            continue
        usual = sizes.most_common(1)[0][0]
        if one.image_size and not _same_aspect(one.image_size, one.label_size):
            problems.append(
                f"{one.frame.label}: {_text(one.label_size)} does not fit its image, "
                f"{_text(one.image_size)}"
            )
        elif one.label_size != usual:
            problems.append(
                f"{one.frame.label}: {_text(one.label_size)}, most labels are {_text(usual)}"
            )
    return problems


def _same_aspect(one: tuple[int, int], other: tuple[int, int]) -> bool:
    ratio = one[0] * other[1] / (one[1] * other[0])
    return abs(ratio - 1) <= _ASPECT_TOLERANCE


def _in_two_splits(frames: Sequence[Frame]) -> list[str]:
    """Frames with a label in two splits: what is trained on would be scored."""
    places: dict[str, list[str]] = {}
    for frame in frames:
        if frame.label:
            places.setdefault(frame.name, []).append(frame.split)
    return [
        f"{name}: stands in {' and '.join(dict.fromkeys(splits))}"
        for name, splits in places.items()
        if len(set(splits)) > 1
    ]


def _split(seen: Sequence[_Seen], dataset: VideoDataset, stride: int) -> SplitReport:
    frames = [one.frame for one in seen]
    counts = [one.counts for one in seen if one.counts is not None]
    total = np.sum(counts, axis=0) if counts else np.zeros(256, dtype=np.int64)
    labelled_pixels = max(1, int(total[: len(dataset.classes)].sum()))
    exact, near = _predecessors(frames, stride)
    return SplitReport(
        frames=len(frames),
        labelled=sum(1 for frame in frames if frame.label),
        image_sizes=dict(Counter(_text(one.image_size) for one in seen if one.image_size)),
        label_sizes=dict(Counter(_text(one.label_size) for one in seen if one.label_size)),
        label_values={int(value): int(total[value]) for value in np.flatnonzero(total)},
        class_shares={c: int(total[i]) / labelled_pixels for i, c in enumerate(dataset.classes)},
        class_frames={c: sum(1 for n in counts if n[i]) for i, c in enumerate(dataset.classes)},
        predecessors=exact,
        predecessors_near=near,
        sequences=_sequences(frames),
    )


def _predecessors(frames: Sequence[Frame], stride: int) -> tuple[dict[int, int], dict[int, int]]:
    """k -> labelled frames whose k predecessors are there: all exact; at least one is not."""
    index = {(frame.sequence, frame.number): i for i, frame in enumerate(frames)}
    exact = dict.fromkeys(range(1, LONGEST_MEMORY + 1), 0)
    near = exact.copy()
    for target in (frame for frame in frames if frame.label):
        counter = exact
        for back in range(1, LONGEST_MEMORY + 1):
            hit = find_predecessor(index, target, back, stride)
            if hit is None:
                break
            if frames[hit].number != target.number - back * stride:
                counter = near
            counter[back] += 1
    return exact, near


def _sequences(frames: Sequence[Frame]) -> tuple[SequenceReport, ...]:
    numbers: dict[str, list[int]] = {}
    for frame in frames:
        numbers.setdefault(frame.sequence, []).append(frame.number)
    return tuple(_sequence(name, sorted(found)) for name, found in numbers.items())


def _sequence(name: str, numbers: Sequence[int]) -> SequenceReport:
    gaps = Counter(after - before for before, after in pairwise(numbers))
    spacing = gaps.most_common(1)[0][0] if gaps else 0
    irregular = tuple(pair for pair in pairwise(numbers) if pair[1] - pair[0] != spacing)
    return SequenceReport(name, len(numbers), numbers[0], numbers[-1], spacing, irregular)


def _remarks(name: str, splits: Mapping[str, SplitReport]) -> list[str]:
    """Counts against the published ones, and classes that a split does not show."""
    remarks = []
    if published := PUBLISHED.get(name):
        found = {split: splits[split].labelled if split in splits else 0 for split in published}
        fits = all(found[split] in counts for split, counts in published.items())
        remarks.append(
            f"labelled frames {'/'.join(map(str, found.values()))}: "
            + ("as published" if fits else f"published are {_published(published)}")
        )
    for split, report in splits.items():
        missing = [c for c, frames in report.class_frames.items() if not frames]
        if missing and report.labelled:
            remarks.append(f"{split} shows no {', '.join(missing)}")
    return remarks


def _published(counts: Mapping[str, tuple[int, ...]]) -> str:
    return "/".join(" or ".join(map(str, known)) for known in counts.values())


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
