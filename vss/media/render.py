"""Draw predictions: next to frame and label, laid over the frame, or as class indices."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from vss.catalog import VOID_COLOUR
from vss.media.image import Image

Colour = tuple[int, int, int]


def draw_side_by_side(
    frame: Image, label: Image, prediction: Image, palette: Sequence[Colour]
) -> PillowImage.Image:
    """Draw frame, label and prediction next to each other, each at the label's size.

    Args:
        frame: (h, w, 3) RGB.
        label: (H, W) class indices; other values are drawn in the colour of void.
        prediction: (H, W) class indices.
        palette: an RGB colour for each class.
    """
    height, width = label.shape
    resized = np.asarray(PillowImage.fromarray(frame).resize((width, height)))
    panels = [resized, colourise(label, palette), colourise(prediction, palette)]
    return PillowImage.fromarray(np.concatenate(panels, axis=1))


def colourise(classes: Image, palette: Sequence[Colour]) -> Image:
    """Colour class indices: (H, W) -> (H, W, 3) RGB."""
    colours = np.full((256, 3), VOID_COLOUR, dtype=np.uint8)
    colours[: len(palette)] = palette
    return np.asarray(colours[classes], dtype=np.uint8)


def make_index_picture(classes: Image, palette: Sequence[Colour]) -> PillowImage.Image:
    """Make a picture whose pixel values are class indices, displayed in the classes' colours."""
    picture = PillowImage.fromarray(classes).convert("P")
    picture.putpalette([value for colour in palette for value in colour])
    return picture


def draw_overlay(frame: Image, classes: Image, palette: Sequence[Colour], alpha: float) -> Image:
    """Lay the colours of the classes over a frame.

    Args:
        frame: (H, W, 3) RGB.
        classes: (H, W) class indices.
        palette: an RGB colour for each class.
        alpha: 0 shows only the frame, 1 only the classes.
    """
    colours = make_index_picture(classes, palette).convert("RGB")
    return np.asarray(PillowImage.blend(PillowImage.fromarray(frame), colours, alpha))


def draw_legend(classes: Mapping[str, Colour], width: int) -> Image:
    """Draw a strip (h, width, 3) that names the colours, in as many lines as needed."""
    square = min(24, max(10, width // 60))  # side of a colour square, also the font size
    font, line = ImageFont.load_default(square), square * 3 // 2
    x, y = line // 4, 0
    strip = PillowImage.new("RGB", (width, line * len(classes)), "white")
    draw = ImageDraw.Draw(strip)
    for name, colour in classes.items():
        entry_width = square + round(font.getlength(f" {name}")) + line
        if x > line and x + entry_width > width:
            x, y = line // 4, y + line
        draw.rectangle((x, y + line // 6, x + square, y + line // 6 + square), fill=colour)
        draw.text((x + square + line // 4, y + line // 8), name, fill="black", font=font)
        x += entry_width
    return np.asarray(strip.crop((0, 0, width, y + line)))
