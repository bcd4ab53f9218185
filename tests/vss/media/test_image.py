"""Images read and resized."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from vss.errors import UserError
from vss.media.image import read_image, resize_image


def test_image_is_read_in_the_requested_mode(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    PillowImage.fromarray(pixels).save(tmp_path / "image.png")

    assert np.array_equal(read_image(tmp_path / "image.png", "RGB"), pixels)
    assert read_image(tmp_path / "image.png", "L").shape == (2, 4)


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"not an image")

    with pytest.raises(UserError, match="cannot read image image.png"):
        read_image(tmp_path / "image.png", "RGB")


def test_shrinking_averages_pixels() -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    pixels[:, ::2] = 200

    assert resize_image(pixels, 4, 4) is pixels
    assert resize_image(pixels, 1, 1).shape == (1, 1, 3)
    assert int(resize_image(pixels, 1, 1)[0, 0, 0]) == pytest.approx(100, abs=2)
