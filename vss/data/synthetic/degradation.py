"""Degrade rendered frames: flicker, a colour cast, smears, glare or darkness, and noise."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vss.media.image import Image

_LOST = 0.3  # probability that a frame is lost in glare or darkness
_SMEARED = 0.4  # fraction of each frame that smears hide


def degrade(image: NDArray[np.float32], rng: Generator) -> Image:
    """Degrade one (H, W, 3) frame, independently of all others."""
    lit = image * rng.uniform(0.7, 1.3) * rng.uniform(0.8, 1.2, size=3)
    degraded = _smear(lit, rng)
    if rng.random() < _LOST:
        glare = 255.0 if rng.random() < 0.5 else 0.0
        degraded = 0.06 * degraded + 0.94 * glare
    noise = rng.normal(0, rng.uniform(8, 24), size=image.shape)
    return (degraded + noise).clip(0, 255).astype(np.uint8)


def _smear(image: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """Draw grey ellipses until they hide a fraction `_SMEARED` of the frame."""
    height, width = image.shape[:2]
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    hidden = np.zeros((height, width), dtype=bool)
    while hidden.mean() < _SMEARED:
        row, column = rng.uniform(0, height), rng.uniform(0, width)
        tall, wide = rng.uniform(6, 16), rng.uniform(8, 26)
        hidden |= ((rows - row) / tall) ** 2 + ((columns - column) / wide) ** 2 < 1
    return np.where(hidden[..., None], rng.uniform(90, 160), image)
