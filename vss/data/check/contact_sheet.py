"""A few frames of each split with their labels, on one picture. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from vss.data.dataset import Frame, VideoDataset
from vss.errors import UserError
from vss.media.image import Image
from vss.media.render import colourise, legend

_PANEL_WIDTH, _CAPTION_HEIGHT, _GAP = 240, 14, 4  # pixels


def contact_sheet(dataset: VideoDataset, columns: int = 3) -> PillowImage.Image:
    """One row a split: frame and coloured label side by side, the colours named below.

    Args:
        dataset: whose labelled frames are shown.
        columns: frames of each split, spread over it evenly.

    Raises:
        UserError: if no frame has a label, or one that is shown cannot be read.
    """
    rows = [_spread(frames, columns) for frames in _labelled(dataset).values()]
    if not rows:
        raise UserError("no frame has a label: there is nothing to show")
    blocks = [np.concatenate([_cell(dataset, frame) for frame in row], axis=1) for row in rows]
    width = max(block.shape[1] for block in blocks)
    blocks.append(legend(dataset.classes, width))
    padded = [_pad(block, block.shape[0], width) for block in blocks]
    return PillowImage.fromarray(np.concatenate(padded, axis=0))


def _labelled(dataset: VideoDataset) -> dict[str, list[Frame]]:
    """Split -> its frames with a label; no entry for a split without one."""
    found: dict[str, list[Frame]] = {}
    for frame in dataset.frames:
        if frame.label:
            found.setdefault(frame.split, []).append(frame)
    return found


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """From the middle of `count` equal parts, so that more than one sequence is seen."""
    count = min(count, len(frames))
    return [frames[(2 * i + 1) * len(frames) // (2 * count)] for i in range(count)]


def _cell(dataset: VideoDataset, frame: Frame) -> Image:
    image, label = dataset.read_image(frame), dataset.read_label(frame)
    height = max(1, round(_PANEL_WIDTH * image.shape[0] / image.shape[1]))
    colours = colourise(label, list(dataset.classes.values()))
    panels = [
        PillowImage.fromarray(image).resize((_PANEL_WIDTH, height)),
        # Colours of classes must not be mixed at their edges.
        PillowImage.fromarray(colours).resize(
            (_PANEL_WIDTH, height), PillowImage.Resampling.NEAREST
        ),
    ]
    cell = PillowImage.new(
        "RGB", (2 * _PANEL_WIDTH + _GAP, height + _CAPTION_HEIGHT + _GAP), "white"
    )
    ImageDraw.Draw(cell).text((2, 1), f"{frame.split} {frame.name}", fill="black")
    for place, panel in enumerate(panels):
        cell.paste(panel, (place * _PANEL_WIDTH, _CAPTION_HEIGHT))
    return np.asarray(cell)


def _pad(block: Image, height: int, width: int) -> Image:
    missing = ((0, height - block.shape[0]), (0, width - block.shape[1]), (0, 0))
    return np.pad(block, missing, constant_values=255)
