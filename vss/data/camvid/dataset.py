"""CamVid, in the layouts that `layouts.py` recognises. Imports no torch.

Source: Brostow et al. 2008 and 2009; 11 classes, void is not scored. The numbers in file names
count video frames at 30 Hz. Labelled frames are 30 apart in train and test, and 2 apart in val,
which is part of a training sequence: scores on it are optimistic.
With `void_class` there are 12 classes in TMANet's order: void comes first.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vss import catalog
from vss.data.camvid.labels import GROUPS_DIGEST
from vss.data.camvid.layouts import Listing, list_frames
from vss.data.dataset import IGNORE_LABEL, VideoDataset
from vss.media.image import Image, read_image
from vss.trial_config import TrialConfig


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames of the three splits and fingerprint every file.

    Args:
        config: the trial, which sets whether void is a class.
        root: the folder that contains lists, or images and labels.

    Raises:
        UserError: naming the first list, image or label that is missing.
    """
    assert root is not None  # noqa: S101  # the catalog says that camvid needs a path
    row = catalog.DATASETS["camvid"]
    classes = row.with_void() if config.void_class else row.classes
    listing = list_frames(root)
    table = _class_table(list(classes))
    return VideoDataset(
        listing.frames,
        _fingerprint(root, listing, bool(config.void_class)),
        read_image=lambda frame: read_image(root / frame.image, "RGB"),
        read_label=lambda frame: table[listing.read_label(root / frame.label)],
        classes=classes,
    )


def _class_table(names: Sequence[str]) -> Image:
    """Return a lookup table from stored label values to positions in `names`."""
    table = np.full(256, IGNORE_LABEL, dtype=np.uint8)
    for value, name in enumerate(catalog.DATASETS["camvid"].classes):
        table[value] = names.index(name)
    if catalog.VOID in names:
        table[IGNORE_LABEL] = names.index(catalog.VOID)
    return table


def _fingerprint(root: Path, listing: Listing, void_class: bool) -> str:
    digest = hashlib.sha256(b"void is class 0\n" if void_class else b"")
    if listing.layout != "index":
        digest.update(listing.read_label.__name__.encode() + GROUPS_DIGEST)
    for frame in listing.frames:
        for path in filter(None, (frame.image, frame.label)):
            digest.update(f"{frame.split} {path}\n".encode())
            digest.update(hashlib.sha256((root / path).read_bytes()).digest())
    return digest.hexdigest()
