"""Brightness, contrast, saturation and hue, drawn for each frame of a clip or once for all.

Source: SSD's photometric distortion in the form of the OpenMMLab toolboxes and of TMANet, which
draws it for each frame independently. Differs: values stay real numbers between the steps; they
are rounded to bytes there.
Shapes: B clips, T past frames, h w the size of the frames; RGB values from 0 to 255.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

BRIGHTNESS, HUE_DEGREES = 32.0, 36.0
FACTORS = (0.5, 1.5)  # of contrast and saturation
PROBABILITY = 0.5  # of each of the four


@dataclass(frozen=True)
class Distortion:
    """One draw for each of N images: what it adds, or multiplies by; neutral where not drawn.

    Attributes:
        brightness: added.
        contrast: factor of all values.
        contrast_first: before saturation and hue, else after them.
        saturation: factor.
        hue: added, in degrees.
    """

    brightness: Tensor
    contrast: Tensor
    contrast_first: Tensor
    saturation: Tensor
    hue: Tensor


def draw(count: int, rng: Generator) -> Distortion:
    """Draw for `count` images."""

    def sometimes(low: float, high: float, neutral: float) -> Tensor:
        values = rng.uniform(low, high, size=count)
        return _column(np.where(rng.random(count) < PROBABILITY, values, neutral))

    return Distortion(
        brightness=sometimes(-BRIGHTNESS, BRIGHTNESS, 0.0),
        contrast=sometimes(*FACTORS, 1.0),
        contrast_first=_column(rng.random(count) < 0.5).bool(),
        saturation=sometimes(*FACTORS, 1.0),
        hue=sometimes(-HUE_DEGREES, HUE_DEGREES, 0.0),
    )


def distort(pixels: Tensor, drawn: Distortion) -> Tensor:
    """Apply draws to images.

    Args:
        pixels: (N, 3, h, w) RGB values from 0 to 255.
        drawn: for N images.
    """
    values = pixels.clone()
    late = ~drawn.contrast_first & (drawn.contrast != 1)
    early = drawn.contrast_first & (drawn.contrast != 1)
    _change(values, drawn.brightness != 0, drawn.brightness, _brighten)
    _change(values, early, drawn.contrast, _stretch)
    _change(values, drawn.saturation != 1, drawn.saturation, _saturate)
    _change(values, drawn.hue != 0, drawn.hue, _turn)
    _change(values, late, drawn.contrast, _stretch)
    return values


def _change(
    values: Tensor, where: Tensor, amounts: Tensor, change: Callable[[Tensor, Tensor], Tensor]
) -> None:
    """Change the images that are to be changed: on average half of them are not."""
    chosen = where.flatten().nonzero().flatten()
    if len(chosen):
        here = chosen.to(values.device)
        values[here] = change(values[here], amounts[chosen].to(values))


def _brighten(values: Tensor, amount: Tensor) -> Tensor:
    return (values + amount).clamp_(0, 255)


def _stretch(values: Tensor, factor: Tensor) -> Tensor:
    return (values * factor).clamp_(0, 255)


def _saturate(values: Tensor, factor: Tensor) -> Tensor:
    """Scale the saturation, hue and value kept: distances from the largest channel."""
    highest, lowest = values.amax(1, keepdim=True), values.amin(1, keepdim=True)
    # Saturation is at most 1: there the smallest channel is 0.
    possible = highest / (highest - lowest).clamp(min=1e-6)
    return highest - (highest - values) * torch.minimum(factor, possible)


def _turn(values: Tensor, degrees: Tensor) -> Tensor:
    """Shift the hue, saturation and value kept."""
    red, green, blue = values.unbind(1)
    highest, lowest = values.amax(1), values.amin(1)
    chroma = (highest - lowest).clamp(min=1e-6)
    hue = torch.where(
        highest == red,
        (green - blue) / chroma,
        torch.where(highest == green, 2 + (blue - red) / chroma, 4 + (red - green) / chroma),
    )
    hue = hue + degrees.view(-1, 1, 1) / 60
    channels = []
    for place in (5, 3, 1):  # red, green, blue
        corner = (place + hue) % 6
        weight = torch.minimum(corner, 4 - corner).clamp(0, 1)
        channels.append(highest - (highest - lowest) * weight)
    return torch.stack(channels, dim=1)


def _column(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float32)).view(-1, 1, 1, 1)
