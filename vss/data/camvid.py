"""CamVid in the 480x360 index form of the SegNet tutorial. Imports no torch.

Source: Brostow et al. 2008 and 2009; 11 classes, label value 11 is void and not scored. Folders
train, val, test (images), trainannot, valannot, testannot (one byte a pixel) and one list a split.
Numbers in file names are video frames at 30 Hz. Only labelled frames are there: 30 apart in train
and test, 2 apart in val, which lies inside a sequence of train and is therefore optimistic.
With `void_class` there are 12 classes in TMANet's order: void is 0, the others one more than here.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from vss import catalog
from vss.config import TrialConfig
from vss.data.clips import IGNORE_LABEL, Frame, Image, VideoDataset
from vss.errors import UserError

SPLITS = ("train", "val", "test")
VOID = 11
_NAME = re.compile(r"^(?P<sequence>.+)_f?(?P<number>\d+)$")


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames of the three splits and fingerprint every file.

    Args:
        config: whose `void_class` says if void is a class.
        root: the folder that holds the lists.

    Raises:
        UserError: naming the first list, image or label that is missing.
    """
    assert root is not None  # noqa: S101  # the catalog says that camvid needs a path
    row = catalog.DATASETS["camvid"]
    void_class = bool(config.void_class)
    frames = tuple(frame for split in SPLITS for frame in _frames(root, split))
    return VideoDataset(
        frames,
        _fingerprint(root, frames, void_class),
        read_image=lambda frame: _read(root / frame.image, "RGB"),
        read_label=lambda frame: _read_label(root / frame.label, void_class),
        classes=row.with_void() if void_class else row.classes,
    )


def _frames(root: Path, split: str) -> Iterator[Frame]:
    listing = root / f"{split}.txt"
    if not listing.is_file():
        raise UserError(
            f"camvid at {root} is incomplete: {listing.name} is missing; expected are "
            "train.txt, val.txt and test.txt with the folders that they list"
        )
    for number, line in enumerate(listing.read_text().splitlines(), start=1):
        if line.strip():
            yield _frame(root, split, line.split(), f"{listing}, line {number}")


def _frame(root: Path, split: str, entry: list[str], place: str) -> Frame:
    if len(entry) != 2:
        raise UserError(f"{place}: expected an image and a label, found {len(entry)} words")
    # Lists in circulation hold absolute paths of another machine: folder and file name suffice.
    image, label = ("/".join(Path(path).parts[-2:]) for path in entry)
    for path in (image, label):
        if not (root / path).is_file():
            raise UserError(f"camvid at {root} is incomplete: {path} is missing ({place})")
    name = _NAME.match(Path(image).stem)
    if name is None:
        raise UserError(f"{place}: no frame number in '{image}', expected e.g. 0001TP_006690.jpg")
    return Frame(split, name["sequence"], int(name["number"]), image, label)


def _fingerprint(root: Path, frames: tuple[Frame, ...], void_class: bool) -> str:
    digest = hashlib.sha256(b"void is class 0\n" if void_class else b"")
    for frame in frames:
        for path in (frame.image, frame.label):
            digest.update(f"{frame.split} {path}\n".encode())
            digest.update(hashlib.sha256((root / path).read_bytes()).digest())
    return digest.hexdigest()


def _read(path: Path, mode: str) -> Image:
    try:
        with PillowImage.open(path) as image:
            return np.asarray(image.convert(mode))
    except OSError as error:
        raise UserError(f"cannot read image {path.name}: {error}") from None


def _read_label(path: Path, void_class: bool) -> Image:
    label = _read(path, "L")
    if label.max() > VOID:
        known = len(catalog.DATASETS["camvid"].classes)
        raise UserError(
            f"label {path.name} holds the value {label.max()}; "
            f"known are 0 to {known - 1}, and {VOID} for void"
        )
    if void_class:
        return np.where(label == VOID, 0, label + 1).astype(np.uint8)
    return np.where(label == VOID, IGNORE_LABEL, label).astype(np.uint8)
