"""Distortions, against a reference that computes individual pixels."""

import colorsys

import numpy as np
import pytest
import torch

from vss.data.augmentation.photometric import Distortion, distort, draw_distortion


def neutral(**changes: float) -> Distortion:
    """Return a distortion of one image that changes only the named values."""
    values = {
        "brightness": 0.0,
        "contrast": 1.0,
        "contrast_first": 0.0,
        "saturation": 1.0,
        "hue": 0.0,
    }
    parts = {k: torch.tensor(v).view(1, 1, 1, 1) for k, v in (values | changes).items()}
    parts["contrast_first"] = parts["contrast_first"].bool()
    return Distortion(**parts)


def pixels() -> torch.Tensor:
    """Return (1, 3, 8, 8) greys, pure colours and noise."""
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 255, (8, 8, 3))
    values[0] = np.linspace(0, 255, 8)[:, None]
    values[1, :3] = 255 * np.eye(3)
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def reference(
    rgb: np.ndarray, brightness: float, contrast: float, first: bool, saturation: float, hue: float
) -> np.ndarray:
    """Distort one pixel with the colour spaces of the standard library."""
    value = np.clip(rgb + brightness, 0, 255)
    if first:
        value = np.clip(value * contrast, 0, 255)
    h, s, v = colorsys.rgb_to_hsv(*value / 255)
    value = 255 * np.array(colorsys.hsv_to_rgb((h + hue / 360) % 1, min(1, s * saturation), v))
    return value if first else np.clip(value * contrast, 0, 255)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("saturation", [0.5, 1.5])
@pytest.mark.parametrize("hue", [-36.0, 30.0])
def test_distortion_agrees_with_the_reference_for_every_pixel(
    first: bool, saturation: float, hue: float
) -> None:
    image = pixels()
    distortion = neutral(
        brightness=-20.0, contrast=1.3, contrast_first=float(first), saturation=saturation, hue=hue
    )

    distorted = distort(image, distortion)[0].permute(1, 2, 0).numpy()

    for row, column in np.ndindex(8, 8):
        rgb = image[0, :, row, column].numpy()
        expected = reference(rgb, -20.0, 1.3, first, saturation, hue)
        np.testing.assert_allclose(distorted[row, column], expected, atol=1e-3)


def test_neutral_distortion_changes_nothing() -> None:
    torch.testing.assert_close(distort(pixels(), neutral()), pixels(), atol=1e-4, rtol=0)


def test_each_distortion_is_drawn_half_of_the_time_within_its_range() -> None:
    distortion = draw_distortion(4000, np.random.default_rng(0))

    for name, low, high, unchanged in (
        ("brightness", -32, 32, 0.0),
        ("contrast", 0.5, 1.5, 1.0),
        ("saturation", 0.5, 1.5, 1.0),
        ("hue", -36, 36, 0.0),
    ):
        values = getattr(distortion, name).flatten()
        assert 0.45 < (values != unchanged).float().mean() < 0.55
        assert low <= values.min() < values.max() <= high
    assert 0.45 < distortion.contrast_first.float().mean() < 0.55
