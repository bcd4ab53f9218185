"""Images as arrays: read from a file, resized. Imports no torch."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from vss.errors import UserError
from vss.untrusted.messages import one_line

Image = NDArray[np.uint8]
# Damaged PNG files raise SyntaxError; images of so many pixels that they fill the memory, the last.
_UNREADABLE = (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError)

_MOST_PIXELS = 80_000_000
# Pillow warns on the terminal of images that it would still read, which are refused here.
warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)


def read_image(path: Path, mode: str) -> Image:
    """Read the (H, W) or (H, W, 3) pixels of a file.

    Args:
        path: the path of an image file.
        mode: Pillow's name of the pixel format: "L" for one byte per pixel, "RGB" for three.

    Raises:
        UserError: if the file cannot be read.
    """
    return _read(path, lambda image: image.convert(mode))


def read_indices(path: Path) -> Image:
    """Read the (H, W) one-byte values of a label; of one with a palette, the indices into it.

    Raises:
        UserError: if the file cannot be read.
    """
    return _read(path, lambda image: image if image.mode == "P" else image.convert("L"))


def _read(path: Path, convert: Callable[[PillowImage.Image], PillowImage.Image]) -> Image:
    try:
        if not path.is_file():  # a pipe would be waited for
            kind = "it is not a regular file" if path.exists() else "it does not exist"
            raise UserError(f"cannot read image {path.name}: {kind}")
        with PillowImage.open(path) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels are too many for a frame")
            return np.asarray(convert(image))
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(one_line(f"cannot read image {path.name}: {reason}")) from None


def resize_image(pixels: Image, width: int, height: int) -> Image:
    """Resize (H, W, 3) RGB to (height, width, 3), averaging where it shrinks."""
    if pixels.shape[:2] == (height, width):
        return pixels
    image = PillowImage.fromarray(pixels).resize((width, height), PillowImage.Resampling.BILINEAR)
    return np.asarray(image)
