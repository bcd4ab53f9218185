"""Distort brightness, contrast, saturation and hue, for each frame of a clip or once for all.

Source: SSD's photometric distortion as implemented in the OpenMMLab toolboxes and in TMANet, which
draws it for each frame independently. Differences: values stay real numbers between the steps,
where the toolboxes round them to bytes.
Shapes: N images, h w their size; RGB values from 0 to 255.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

BRIGHTNESS, HUE_DEGREES = 32.0, 36.0  # largest change, in either direction
FACTORS = (0.5, 1.5)  # range of the contrast and saturation factors
PROBABILITY = 0.5  # probability of each of the four distortions


@dataclass(frozen=True)
class Distortion:
    """A random distortion for each of N images, with neutral values for what stays unchanged.

    Attributes:
        brightness: the amount added to all values.
        contrast: the factor on all values.
        contrast_first: whether contrast comes before saturation and hue, not after them.
        saturation: the factor on the saturation.
        hue: the degrees added to the hue.
    """

    brightness: Tensor
    contrast: Tensor
    contrast_first: Tensor
    saturation: Tensor
    hue: Tensor


def draw_distortion(count: int, rng: Generator) -> Distortion:
    """Draw a distortion for `count` images."""

    def draw(low: float, high: float, neutral: float) -> Tensor:
        values = rng.uniform(low, high, size=count)
        return _column(np.where(rng.random(count) < PROBABILITY, values, neutral))

    return Distortion(
        brightness=draw(-BRIGHTNESS, BRIGHTNESS, 0.0),
        contrast=draw(*FACTORS, 1.0),
        contrast_first=_column(rng.random(count) < 0.5).bool(),
        saturation=draw(*FACTORS, 1.0),
        hue=draw(-HUE_DEGREES, HUE_DEGREES, 0.0),
    )


def distort(pixels: Tensor, distortion: Distortion) -> Tensor:
    """Distort the colours of images.

    Args:
        pixels: (N, 3, h, w) RGB values from 0 to 255.
        distortion: the distortion of these N images.
    """
    values = pixels.clone()
    changes_contrast = distortion.contrast != 1
    contrast_first = distortion.contrast_first & changes_contrast
    contrast_last = ~distortion.contrast_first & changes_contrast
    _change(values, distortion.brightness != 0, distortion.brightness, _brighten)
    _change(values, contrast_first, distortion.contrast, _stretch)
    _change(values, distortion.saturation != 1, distortion.saturation, _saturate)
    _change(values, distortion.hue != 0, distortion.hue, _rotate_hue)
    _change(values, contrast_last, distortion.contrast, _stretch)
    return values


def _change(
    values: Tensor, mask: Tensor, amounts: Tensor, change: Callable[[Tensor, Tensor], Tensor]
) -> None:
    """Change the masked images in place, on average half of them."""
    indices = mask.flatten().nonzero().flatten()
    if len(indices):
        rows = indices.to(values.device)
        values[rows] = change(values[rows], amounts[indices].to(values))


def _brighten(values: Tensor, amount: Tensor) -> Tensor:
    return (values + amount).clamp_(0, 255)


def _stretch(values: Tensor, factor: Tensor) -> Tensor:
    return (values * factor).clamp_(0, 255)


def _saturate(values: Tensor, factor: Tensor) -> Tensor:
    """Scale the saturation by scaling distances from the largest channel: hue and value stay."""
    highest, lowest = values.amax(1, keepdim=True), values.amin(1, keepdim=True)
    # Saturation is at most 1, where the smallest channel reaches 0.
    largest_factor = highest / (highest - lowest).clamp(min=1e-6)
    return highest - (highest - values) * torch.minimum(factor, largest_factor)


def _rotate_hue(values: Tensor, degrees: Tensor) -> Tensor:
    """Shift the hue, keeping saturation and value."""
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
    for shift in (5, 3, 1):  # red, green, blue
        corner = (shift + hue) % 6
        weight = torch.minimum(corner, 4 - corner).clamp(0, 1)
        channels.append(highest - (highest - lowest) * weight)
    return torch.stack(channels, dim=1)


def _column(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float32)).view(-1, 1, 1, 1)
