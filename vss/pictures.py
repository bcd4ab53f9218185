"""Frame, label and prediction, side by side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage

from vss.data.clips import Image

_UNLABELLED = (0, 0, 0)


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
    colours = np.full((256, 3), _UNLABELLED, dtype=np.uint8)
    colours[: len(palette)] = palette
    return np.asarray(colours[classes], dtype=np.uint8)
