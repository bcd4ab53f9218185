"""A picture of a few frames of each split with their labels. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from vss.data.dataset import Frame, VideoDataset
from vss.errors import UserError
from vss.media.image import Image
from vss.media.render import colourise, draw_legend

_PANEL_WIDTH, _CAPTION_HEIGHT, _GAP = 240, 14, 4  # pixels


def draw_contact_sheet(dataset: VideoDataset, columns: int = 3) -> PillowImage.Image:
    """Draw one row per split: frames next to their coloured labels, above a legend.

    Args:
        dataset: the dataset whose labelled frames are drawn.
        columns: the number of frames per split, spread evenly over it.

    Raises:
        UserError: if no frame has a label, or a frame cannot be read.
    """
    rows = [_spread(frames, columns) for frames in _labelled_frames(dataset).values()]
    if not rows:
        raise UserError("no frame has a label, so there is nothing to draw")
    blocks = [np.concatenate([_cell(dataset, frame) for frame in row], axis=1) for row in rows]
    width = max(block.shape[1] for block in blocks)
    blocks.append(draw_legend(dataset.classes, width))
    padded = [_pad(block, block.shape[0], width) for block in blocks]
    return PillowImage.fromarray(np.concatenate(padded, axis=0))


def _labelled_frames(dataset: VideoDataset) -> dict[str, list[Frame]]:
    """Group the labelled frames by split; a split that has none has no entry."""
    by_split: dict[str, list[Frame]] = {}
    for frame in dataset.frames:
        if frame.label:
            by_split.setdefault(frame.split, []).append(frame)
    return by_split


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Pick the middle of each of `count` equal parts, to show more than one sequence."""
    count = min(count, len(frames))
    return [frames[(2 * i + 1) * len(frames) // (2 * count)] for i in range(count)]


def _cell(dataset: VideoDataset, frame: Frame) -> Image:
    image, label = dataset.read_image(frame), dataset.read_label(frame)
    height = max(1, round(_PANEL_WIDTH * image.shape[0] / image.shape[1]))
    colours = colourise(label, list(dataset.classes.values()))
    panels = [
        PillowImage.fromarray(image).resize((_PANEL_WIDTH, height)),
        # Nearest, so that the colours of neighbouring classes do not mix.
        PillowImage.fromarray(colours).resize(
            (_PANEL_WIDTH, height), PillowImage.Resampling.NEAREST
        ),
    ]
    cell = PillowImage.new(
        "RGB", (2 * _PANEL_WIDTH + _GAP, height + _CAPTION_HEIGHT + _GAP), "white"
    )
    ImageDraw.Draw(cell).text((2, 1), f"{frame.split} {frame.name}", fill="black")
    for position, panel in enumerate(panels):
        cell.paste(panel, (position * _PANEL_WIDTH, _CAPTION_HEIGHT))
    return np.asarray(cell)


def _pad(block: Image, height: int, width: int) -> Image:
    padding = ((0, height - block.shape[0]), (0, width - block.shape[1]), (0, 0))
    return np.pad(block, padding, constant_values=255)
