"""Images as arrays: read from a file, resized. Imports no torch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from vss.errors import UserError

Image = NDArray[np.uint8]
# Damaged PNG files raise SyntaxError; images of so many pixels that they fill the memory, the last.
_UNREADABLE = (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError)


def read_image(path: Path, mode: str) -> Image:
    """Read the (H, W) or (H, W, 3) pixels of a file.

    Args:
        path: the path of an image file.
        mode: Pillow's name of the pixel format: "L" for one byte per pixel, "RGB" for three.

    Raises:
        UserError: if the file cannot be read.
    """
    try:
        with PillowImage.open(path) as image:
            return np.asarray(image.convert(mode))
    except _UNREADABLE as error:
        raise UserError(f"cannot read image {path.name}: {error}") from None


def resize_image(pixels: Image, width: int, height: int) -> Image:
    """Resize (H, W, 3) RGB to (height, width, 3), averaging where it shrinks."""
    if pixels.shape[:2] == (height, width):
        return pixels
    image = PillowImage.fromarray(pixels).resize((width, height), PillowImage.Resampling.BILINEAR)
    return np.asarray(image)
