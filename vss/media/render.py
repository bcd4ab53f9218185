"""Predictions as pictures: side by side with frame and label, laid over the frame, as indices."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from vss.catalog import VOID_COLOUR
from vss.media.image import Image

Colour = tuple[int, int, int]


def side_by_side(
    frame: Image, label: Image, prediction: Image, palette: Sequence[tuple[int, int, int]]
) -> PillowImage.Image:
    """Three panels of the label's size; pixels without a label are black in the label.

    Args:
        frame: (h, w, 3) RGB.
        label: (H, W) class indices, other values unlabelled.
        prediction: (H, W) class indices.
        palette: an RGB colour for each class.
    """
    height, width = label.shape
    scaled = np.asarray(PillowImage.fromarray(frame).resize((width, height)))
    panels = [scaled, colourise(label, palette), colourise(prediction, palette)]
    return PillowImage.fromarray(np.concatenate(panels, axis=1))


def colourise(classes: Image, palette: Sequence[tuple[int, int, int]]) -> Image:
    """(H, W) class indices -> (H, W, 3) RGB."""
    colours = np.full((256, 3), VOID_COLOUR, dtype=np.uint8)
    colours[: len(palette)] = palette
    return np.asarray(colours[classes], dtype=np.uint8)


def index_picture(classes: Image, palette: Sequence[Colour]) -> PillowImage.Image:
    """A picture whose pixel values are class indices, shown in the classes' colours."""
    picture = PillowImage.fromarray(classes).convert("P")
    picture.putpalette([value for colour in palette for value in colour])
    return picture


def overlay(frame: Image, classes: Image, palette: Sequence[Colour], alpha: float) -> Image:
    """Lay the colours of the classes over a frame.

    Args:
        frame: (H, W, 3) RGB.
        classes: (H, W) class indices.
        palette: an RGB colour for each class.
        alpha: 0 shows the frame alone, 1 the classes alone.
    """
    colours = index_picture(classes, palette).convert("RGB")
    return np.asarray(PillowImage.blend(PillowImage.fromarray(frame), colours, alpha))


def legend(classes: Mapping[str, Colour], width: int) -> Image:
    """A strip (h, width, 3) that names the colours, in as many lines as it takes."""
    square = min(24, max(10, width // 60))  # as high as the letters
    font, line = ImageFont.load_default(square), square * 3 // 2
    x, y = line // 4, 0
    strip = PillowImage.new("RGB", (width, line * len(classes)), "white")
    draw = ImageDraw.Draw(strip)
    for name, colour in classes.items():
        taken = square + round(font.getlength(f" {name}")) + line
        if x > line and x + taken > width:
            x, y = line // 4, y + line
        draw.rectangle((x, y + line // 6, x + square, y + line // 6 + square), fill=colour)
        draw.text((x + square + line // 4, y + line // 8), name, fill="black", font=font)
        x += taken
    return np.asarray(strip.crop((0, 0, width, y + line)))
