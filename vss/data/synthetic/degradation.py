"""Degrade rendered frames: flicker, a colour cast, smears, glare or darkness, and noise."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vss.media.image import Image

_LOSS_PROBABILITY = 0.3  # probability that a frame is lost in glare or darkness
_SMEARED_SHARE = 0.4  # fraction of each frame that smears hide


def degrade(image: NDArray[np.float32], rng: Generator) -> Image:
    """Degrade one (H, W, 3) frame, independently of all others."""
    tinted_image = image * rng.uniform(0.7, 1.3) * rng.uniform(0.8, 1.2, size=3)
    degraded_image = _smear(tinted_image, rng)
    if rng.random() < _LOSS_PROBABILITY:
        glare = 255.0 if rng.random() < 0.5 else 0.0
        degraded_image = 0.06 * degraded_image + 0.94 * glare
    noise = rng.normal(0, rng.uniform(8, 24), size=image.shape)
    return (degraded_image + noise).clip(0, 255).astype(np.uint8)


def _smear(image: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """Draw grey ellipses until they hide a fraction `_SMEARED_SHARE` of the frame."""
    height, width = image.shape[:2]
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    is_hidden = np.zeros((height, width), dtype=bool)
    while is_hidden.mean() < _SMEARED_SHARE:
        row, column = rng.uniform(0, height), rng.uniform(0, width)
        height_radius, width_radius = rng.uniform(6, 16), rng.uniform(8, 26)
        distance = ((rows - row) / height_radius) ** 2 + ((columns - column) / width_radius) ** 2
        is_hidden |= distance < 1
    return np.where(is_hidden[..., None], rng.uniform(90, 160), image)
