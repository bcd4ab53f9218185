"""Frames decoded once, at the trials' frame size, and shared by all trials of a machine.

Shapes: N frames, M labelled frames, h w the trial's frame size, H W the labels' own size.
"""

import hashlib
import shutil
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from vss.data.dataset import Frame, VideoDataset
from vss.errors import UserError
from vss.media.image import Image, resize_image

_CHUNK = 16  # consecutive frames that one thread reads, as neighbours may share work


@dataclass(frozen=True)
class DecodedVideo:
    """The pixels of a dataset in memory-mapped arrays.

    Attributes:
        frames: the frames that the dataset lists, in its order.
        images: (N, h, w, 3) RGB.
        labels: (M, H, W), IGNORE_LABEL where unlabelled.
        label_rows: (N,) the row of `labels` of each frame, -1 if it has none.
    """

    frames: tuple[Frame, ...]
    images: Image
    labels: Image
    label_rows: NDArray[np.int64]


def decode(dataset: VideoDataset, width: int, height: int, folder: Path) -> DecodedVideo:
    """Decode a dataset, or open the arrays that an earlier trial decoded.

    Args:
        dataset: the frames to read.
        width: width w of the images.
        height: height h of the images.
        folder: the folder of decoded arrays.

    Raises:
        UserError: if an image or label cannot be read, labels differ in size, or the disk is full.
    """
    target = folder / f"{_key(dataset)}-{width}x{height}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):  # the first trial decodes while the others wait
        if not target.is_dir():
            _write(dataset, width, height, target)
    return DecodedVideo(
        dataset.frames,
        np.load(target / "images.npy", mmap_mode="r"),
        np.load(target / "labels.npy", mmap_mode="r"),
        _label_rows(dataset.frames),
    )


def _key(dataset: VideoDataset) -> str:
    """Return a key that trials share if they need the same frames of the same data."""
    names = "\n".join(f"{frame.split} {frame.name}" for frame in dataset.frames)
    return f"{dataset.fingerprint[:16]}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def _check_disk_space(folder: Path, frames: int, required_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if required_bytes > free_bytes:
        raise UserError(
            f"{frames} decoded frames take {required_bytes / 2**30:.1f} GiB in {folder}, which has "
            f"{free_bytes / 2**30:.1f} GiB free: free some space, or lower frame_width and "
            "frame_height"
        )


def _write(dataset: VideoDataset, width: int, height: int, target: Path) -> None:
    rows = _label_rows(dataset.frames)
    first = next(frame for frame in dataset.frames if frame.label)
    label_size = dataset.read_label(first).shape
    label_bytes = (int(rows.max()) + 1) * label_size[0] * label_size[1]
    _check_disk_space(target.parent, len(rows), len(rows) * height * width * 3 + label_bytes)
    temporary = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    images = _create(temporary / "images.npy", (len(rows), height, width, 3))
    labels = _create(temporary / "labels.npy", (int(rows.max()) + 1, *label_size))

    def store(start: int) -> None:
        for number in range(start, min(start + _CHUNK, len(rows))):
            frame = dataset.frames[number]
            images[number] = resize_image(dataset.read_image(frame), width, height)
            if frame.label:
                label = dataset.read_label(frame)
                _check_label_size(label, label_size, frame, first)
                labels[rows[number]] = label

    try:
        # Pillow releases the interpreter lock while it decodes.
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(store, range(0, len(rows), _CHUNK)):
                pass
        images.flush()
        labels.flush()
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _label_rows(frames: Sequence[Frame]) -> NDArray[np.int64]:
    has_label = np.array([bool(frame.label) for frame in frames])
    return np.where(has_label, np.cumsum(has_label) - 1, -1)


def _create(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    return np.lib.format.open_memmap(path, "w+", np.uint8, shape)


def _check_label_size(label: Image, expected: tuple[int, ...], frame: Frame, first: Frame) -> None:
    if label.shape != expected:
        raise UserError(
            f"label {frame.label} is {label.shape[1]}x{label.shape[0]} pixels, but {first.label} "
            f"is {expected[1]}x{expected[0]}: all labels of a dataset must have the same size"
        )
