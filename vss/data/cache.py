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
from numpy.typing import NDArray

from vss.data.cache_limit import Use, lock, make_room
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
        use: keeps the arrays from being removed, as long as they are in use.
    """

    frames: tuple[Frame, ...]
    images: Image
    labels: Image
    label_rows: NDArray[np.int64]
    use: Use | None = None


def decode(
    dataset: VideoDataset, width: int, height: int, folder: Path, limit_gb: float | None = None
) -> DecodedVideo:
    """Decode a dataset, or open the arrays that an earlier trial decoded.

    Args:
        dataset: the frames to read.
        width: width w of the images.
        height: height h of the images.
        folder: the folder of decoded arrays.
        limit_gb: the limit of its size in GiB, or None for what the disk holds.

    Raises:
        UserError: if an image or label cannot be read, labels differ in size, or there is no room.
    """
    target = folder / f"{_key(dataset)}-{width}x{height}"
    folder.mkdir(parents=True, exist_ok=True)
    with lock(target):  # the first trial decodes while the others wait
        if not target.is_dir():
            _write(dataset, width, height, target, limit_gb)
        use = Use(target)
    return DecodedVideo(
        dataset.frames,
        np.load(target / "images.npy", mmap_mode="r", allow_pickle=False),
        np.load(target / "labels.npy", mmap_mode="r", allow_pickle=False),
        _label_rows(dataset.frames),
        use,
    )


def _key(dataset: VideoDataset) -> str:
    """Return a key that trials share if they need the same frames of the same data."""
    names = "\n".join(f"{frame.split} {frame.name}" for frame in dataset.frames)
    return f"{dataset.fingerprint[:16]}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def _write(
    dataset: VideoDataset, width: int, height: int, target: Path, limit_gb: float | None
) -> None:
    rows = _label_rows(dataset.frames)
    first = next(frame for frame in dataset.frames if frame.label)
    label_size = dataset.read_label(first).shape
    label_bytes = (int(rows.max()) + 1) * label_size[0] * label_size[1]
    make_room(target.parent, len(rows) * height * width * 3 + label_bytes, limit_gb)
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
