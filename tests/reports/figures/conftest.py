"""The colours of a figure file."""

from pathlib import Path

import numpy as np
from PIL import Image


def colours_of(path: Path) -> set[tuple[int, ...]]:
    """Return every RGB colour that occurs in a picture."""
    with Image.open(path) as image:
        return {tuple(c) for c in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()}


def rgb(colour: str) -> tuple[int, ...]:
    """Convert #rrggbb to RGB."""
    return tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))
