"""CamVid, in the forms that `camvid_forms` recognises. Imports no torch.

Source: Brostow et al. 2008 and 2009; 11 classes, void is not scored. Numbers in file names are
video frames at 30 Hz. Labelled frames are 30 apart in train and test, 2 apart in val, which lies
inside a sequence of train and is therefore optimistic.
With `void_class` there are 12 classes in TMANet's order: void is 0, the others one more than here.
"""

import hashlib
from pathlib import Path

import numpy as np

from vss import catalog
from vss.data.camvid.labels import GROUPS_DIGEST, VOID
from vss.data.camvid.layouts import Listing, listing
from vss.data.dataset import IGNORE_LABEL, VideoDataset
from vss.media.image import Image, read_image
from vss.trial_config import TrialConfig


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames of the three splits and fingerprint every file.

    Args:
        config: whose `void_class` says if void is a class.
        root: the folder that holds lists, or images and labels.

    Raises:
        UserError: naming the first list, image or label that is missing.
    """
    assert root is not None  # noqa: S101  # the catalog says that camvid needs a path
    row = catalog.DATASETS["camvid"]
    void_class = bool(config.void_class)
    found = listing(root)
    return VideoDataset(
        found.frames,
        _fingerprint(root, found, void_class),
        read_image=lambda frame: read_image(root / frame.image, "RGB"),
        read_label=lambda frame: _numbered(found.read_label(root / frame.label), void_class),
        classes=row.with_void() if void_class else row.classes,
    )


def _numbered(label: Image, void_class: bool) -> Image:
    if void_class:
        return np.where(label == VOID, 0, label + 1).astype(np.uint8)
    return np.where(label == VOID, IGNORE_LABEL, label).astype(np.uint8)


def _fingerprint(root: Path, found: Listing, void_class: bool) -> str:
    digest = hashlib.sha256(b"void is class 0\n" if void_class else b"")
    if found.form != "index":
        digest.update(found.read_label.__name__.encode() + GROUPS_DIGEST)
    for frame in found.frames:
        for path in filter(None, (frame.image, frame.label)):
            digest.update(f"{frame.split} {path}\n".encode())
            digest.update(hashlib.sha256((root / path).read_bytes()).digest())
    return digest.hexdigest()
