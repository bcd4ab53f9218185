"""Any video dataset that a YAML file describes; see `description.py`. Imports no torch."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vss.data.custom.description import Description, read
from vss.data.dataset import IGNORE_LABEL, Frame, VideoDataset
from vss.errors import UserError
from vss.media.image import Image, read_image
from vss.trial_config import TrialConfig


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames and fingerprint every file.

    Args:
        config: its `classes` must be those of the file.
        root: the YAML file itself.

    Raises:
        UserError: if the file does not suit the trial, or finds no frames.
    """
    assert root is not None  # noqa: S101  # the orchestrator passes it
    described = read(root)
    if config.classes is not None and list(described.classes) != list(config.classes):
        raise UserError(
            f"{root} has the classes {', '.join(described.classes)}, "
            f"the trial {', '.join(config.classes)}"
        )
    place = (root.parent / described.root).resolve()
    frames = tuple(f for split in described.splits for f in _frames(place, described, split))
    if not any(frame.label for frame in frames):
        raise UserError(
            f"{root}: no image below {place} fits '{described.images}' and has a label that fits "
            f"'{described.labels}'"
        )
    table = _table(described)
    return VideoDataset(
        frames,
        _fingerprint(place, described, frames),
        read_image=lambda frame: read_image(place / frame.image, "RGB"),
        read_label=lambda frame: _read_label(place / frame.label, described, table),
        classes=described.classes,
    )


def _frames(place: Path, described: Description, split: str) -> Iterator[Frame]:
    pattern = described.images.replace("{split}", described.splits[split])  # type: ignore[index]
    parts = re.split(r"\{(sequence|number)\}", pattern)
    names = {"sequence": r"(?P<sequence>[^/]+)", "number": r"(?P<number>\d+)"}
    expression = re.compile("".join(names.get(part, re.escape(part)) for part in parts))
    found = []
    for path in place.glob(re.sub(r"\{\w+\}", "*", pattern)):
        image = path.relative_to(place).as_posix()
        name = expression.fullmatch(image)
        if name is not None:
            label = described.labels.format(
                split=described.splits[split],  # type: ignore[index]
                sequence=name["sequence"],
                number=name["number"],
            )
            labelled = label if (place / label).is_file() else ""
            # The same name in two splits is two videos.
            sequence = f"{split}/{name['sequence']}"
            found.append(Frame(split, sequence, int(name["number"]), image, labelled))
    labels = {frame.label for frame in found}  # which the pattern of the images may fit too
    images = [frame for frame in found if frame.image not in labels]
    yield from sorted(images, key=lambda frame: (frame.sequence, frame.number))


def _table(described: Description) -> NDArray[np.int64]:
    """Label value, or colour as one number -> class; IGNORE_LABEL for those to ignore, -1 else."""
    size = 256 if described.form == "index" else 256**3
    table = np.full(size, -1, dtype=np.int64)
    keys = range(len(described.classes))
    if described.form == "palette":
        table[[_one(c) for c in described.classes.values()]] = keys
    else:
        table[list(keys)] = keys
        table[IGNORE_LABEL] = IGNORE_LABEL
    for value in described.ignored:
        table[value if isinstance(value, int) else _one(value)] = IGNORE_LABEL
    return table


def _read_label(path: Path, described: Description, table: NDArray[np.int64]) -> Image:
    if described.form == "index":
        values = read_image(path, "L").astype(np.int64)
    else:
        values = read_image(path, "RGB").astype(np.int64) @ np.array([256**2, 256, 1])
    label = table[values]
    if (label < 0).any():
        wrong = int(values[label < 0].flat[0])
        shown = wrong if described.form == "index" else [wrong >> 16, wrong >> 8 & 255, wrong & 255]
        raise UserError(f"label {path.name} holds {shown}, which is neither a class nor ignored")
    return label.astype(np.uint8)


def _one(colour: tuple[int, int, int]) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _fingerprint(place: Path, described: Description, frames: tuple[Frame, ...]) -> str:
    rule = described.model_dump_json(include={"classes", "form", "ignored"})
    digest = hashlib.sha256(rule.encode())
    for frame in frames:
        for path in filter(None, (frame.image, frame.label)):
            digest.update(f"{frame.split} {path}\n".encode())
            digest.update(hashlib.sha256((place / path).read_bytes()).digest())
    return digest.hexdigest()
