"""Any video dataset that a YAML file describes; see `description.py`. Imports no torch."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vss.data.custom.description import DatasetDescription, read_description
from vss.data.dataset import IGNORE_LABEL, Frame, VideoDataset
from vss.errors import UserError
from vss.media.image import Image, read_image, read_indices
from vss.trial_config import TrialConfig


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames and fingerprint every file.

    Args:
        config: the trial, whose `classes` must be those of the description.
        root: the path of the YAML file.

    Raises:
        UserError: if the description does not suit the trial, or matches no frame.
    """
    assert root is not None  # noqa: S101  # the orchestrator passes it
    description = read_description(root)
    if config.classes is not None and list(description.classes) != list(config.classes):
        raise UserError(
            f"{root} lists the classes {', '.join(description.classes)}, but the trial was planned "
            f"with {', '.join(config.classes)}: submit the spec again"
        )
    folder = (root.parent / description.root).resolve()
    frames = tuple(f for split in description.splits for f in _frames(folder, description, split))
    if not any(frame.label for frame in frames):
        raise UserError(
            f"{root}: no image in {folder} matches '{description.images}' and has a label that "
            f"matches '{description.labels}'"
        )
    table = _class_table(description)
    return VideoDataset(
        frames,
        _fingerprint(folder, description, frames),
        read_image=lambda frame: read_image(folder / frame.image, "RGB"),
        read_label=lambda frame: _read_label(folder / frame.label, description, table),
        classes=description.classes,
    )


def _frames(folder: Path, description: DatasetDescription, split: str) -> Iterator[Frame]:
    split_name = description.splits[split]  # type: ignore[index]  # a plain str, one of the keys
    pattern = description.images.replace("{split}", split_name)
    parts = re.split(r"\{(sequence|number)\}", pattern)
    groups = {"sequence": r"(?P<sequence>[^/]+)", "number": r"(?P<number>\d+)"}
    expression = re.compile("".join(groups.get(part, re.escape(part)) for part in parts))
    frames = []
    for path in folder.glob(re.sub(r"\{\w+\}", "*", pattern)):
        image = path.relative_to(folder).as_posix()
        name = expression.fullmatch(image)
        if name is not None and path.is_file():  # not a pipe, say, which would be read for ever
            label = description.labels.format(
                split=split_name, sequence=name["sequence"], number=name["number"]
            )
            # A name that occurs in two splits denotes two videos.
            sequence = f"{split}/{name['sequence']}"
            has_label = (folder / label).is_file()
            number = int(name["number"])
            frames.append(Frame(split, sequence, number, image, label if has_label else ""))
    labels = {frame.label for frame in frames}  # the pattern of the images may match labels, too
    images = [frame for frame in frames if frame.image not in labels]
    yield from sorted(images, key=lambda frame: (frame.sequence, frame.number))


def _class_table(description: DatasetDescription) -> NDArray[np.int64]:
    """Map label values, or colour codes, to classes: IGNORE_LABEL if ignored, -1 if unknown."""
    size = 256 if description.form == "index" else 256**3
    table = np.full(size, -1, dtype=np.int64)
    classes = range(len(description.classes))
    if description.form == "palette":
        table[[_colour_code(c) for c in description.classes.values()]] = classes
    else:
        table[list(classes)] = classes
        table[IGNORE_LABEL] = IGNORE_LABEL
    for value in description.ignored:
        table[value if isinstance(value, int) else _colour_code(value)] = IGNORE_LABEL
    return table


def _read_label(path: Path, description: DatasetDescription, table: NDArray[np.int64]) -> Image:
    if description.form == "index":
        values = read_indices(path).astype(np.int64)
    else:
        values = read_image(path, "RGB").astype(np.int64) @ np.array([256**2, 256, 1])
    label = table[values]
    if (label < 0).any():
        code = int(values[label < 0].flat[0])
        value = code if description.form == "index" else [code >> 16, code >> 8 & 255, code & 255]
        raise UserError(f"label {path.name} contains {value}, which is neither a class nor ignored")
    return label.astype(np.uint8)


def _colour_code(colour: tuple[int, int, int]) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _fingerprint(folder: Path, description: DatasetDescription, frames: tuple[Frame, ...]) -> str:
    rule = description.model_dump_json(include={"classes", "form", "ignored"})
    digest = hashlib.sha256(rule.encode())
    for frame in frames:
        for path in filter(None, (frame.image, frame.label)):
            digest.update(f"{frame.split} {path}\n".encode())
            digest.update(hashlib.sha256((folder / path).read_bytes()).digest())
    return digest.hexdigest()
