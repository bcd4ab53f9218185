"""Cityscapes video as distributed: `leftImg8bit_sequence` next to `gtFine`. Imports no torch.

Source: Cordts et al. 2016; snippets of 30 frames, the 20th of which is labelled. Labels are the
stock `labelIds`, mapped to the 19 scored classes on reading; all other ids are ignored. The labels
of the test split are not published, so there are only train and val.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vss import catalog
from vss.data.dataset import IGNORE_LABEL, Frame, VideoDataset
from vss.errors import UserError
from vss.media.image import Image, read_image, read_indices
from vss.trial_config import TrialConfig

SPLITS = ("train", "val")
IMAGES, LABELS = "leftImg8bit_sequence", "gtFine"
_NAME = re.compile(r"^(?P<sequence>.+_\d{6})_(?P<number>\d{6})_leftImg8bit$")
# The label id of each class, in the order of the classes.
_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames of train and val.

    The fingerprint covers the content of every label, and the name and size of every image:
    reading 300 GB of images would take hours.

    Args:
        config: unused, as Cityscapes has no options.
        root: the folder that contains `leftImg8bit_sequence` and `gtFine`.

    Raises:
        UserError: naming the missing or misnamed file.
    """
    assert root is not None  # noqa: S101  # the catalog says that cityscapes needs a path
    frames = tuple(frame for split in SPLITS for frame in _frames(root, split))
    if not any(frame.label for frame in frames):
        raise UserError(
            f"cityscapes at {root} has no labelled frames: expected {IMAGES}/train/CITY/"
            f"*_leftImg8bit.png and {LABELS}/train/CITY/*_gtFine_labelIds.png, and the same for val"
        )
    table = np.full(256, IGNORE_LABEL, dtype=np.uint8)
    table[list(_IDS)] = range(len(_IDS))
    return VideoDataset(
        frames,
        _fingerprint(root, frames),
        read_image=lambda frame: read_image(root / frame.image, "RGB"),
        read_label=lambda frame: _read_label(root / frame.label, table),
        classes=catalog.DATASETS["cityscapes"].classes,
    )


def _frames(root: Path, split: str) -> Iterator[Frame]:
    labels = {path.name for path in (root / LABELS / split).glob("*/*_gtFine_labelIds.png")}
    for path in sorted((root / IMAGES / split).glob("*/*_leftImg8bit.png")):
        name = _NAME.match(path.stem)
        if name is None:
            raise UserError(
                f"{path.name} is not named like a Cityscapes frame: expected e.g. "
                "CITY_000000_000019_leftImg8bit.png"
            )
        file = f"{name['sequence']}_{name['number']}_gtFine_labelIds.png"
        label = f"{LABELS}/{split}/{path.parent.name}/{file}" if file in labels else ""
        image = path.relative_to(root).as_posix()
        labels.discard(file)
        yield Frame(split, name["sequence"], int(name["number"]), image, label)
    if labels:
        raise UserError(
            f"cityscapes at {root} is incomplete: {len(labels)} labels of {split} have no image in "
            f"{IMAGES}, for example {min(labels)}"
        )


def _read_label(path: Path, table: Image) -> Image:
    return np.asarray(table[read_indices(path)], dtype=np.uint8)


def _fingerprint(root: Path, frames: tuple[Frame, ...]) -> str:
    digest = hashlib.sha256()
    for frame in frames:
        size = (root / frame.image).stat().st_size
        digest.update(f"{frame.split} {frame.image} {size}\n".encode())
        if frame.label:
            digest.update(hashlib.sha256((root / frame.label).read_bytes()).digest())
    return digest.hexdigest()
