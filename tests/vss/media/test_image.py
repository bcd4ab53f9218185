"""Images read and resized."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from vss.errors import UserError
from vss.media.image import read_image, read_indices, resize_image


def test_image_is_read_in_the_requested_mode(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    PillowImage.fromarray(pixels).save(tmp_path / "image.png")

    assert np.array_equal(read_image(tmp_path / "image.png", "RGB"), pixels)
    assert read_image(tmp_path / "image.png", "L").shape == (2, 4)


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"not an image")

    with pytest.raises(UserError, match="cannot read image image.png"):
        read_image(tmp_path / "image.png", "RGB")


@pytest.mark.slow
def test_image_that_would_fill_the_memory_is_named(tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    PillowImage.new("1", (20_000, 20_000)).save(file)  # 50 kB

    with pytest.raises(UserError, match=r"cannot read image image.png: .*400000000 pixels"):
        read_image(file, "RGB")


def test_damaged_image_is_named(tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    PillowImage.new("RGB", (64, 64)).save(file)
    content = bytearray(file.read_bytes())
    content[45:60] = b"x" * 15
    file.write_bytes(content)

    with pytest.raises(UserError, match="cannot read image image.png"):
        read_image(file, "RGB")


def test_shrinking_averages_pixels() -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    pixels[:, ::2] = 200

    assert resize_image(pixels, 4, 4) is pixels
    assert resize_image(pixels, 1, 1).shape == (1, 1, 3)
    assert int(resize_image(pixels, 1, 1)[0, 0, 0]) == pytest.approx(100, abs=2)


def test_pipe_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "image.png")

    with pytest.raises(UserError, match="cannot read image image.png: it is not a regular file"):
        read_image(tmp_path / "image.png", "RGB")


def test_image_too_large_for_a_frame_is_named(tmp_path: Path) -> None:
    PillowImage.new("1", (10_000, 8_500)).save(tmp_path / "image.png")

    with pytest.raises(UserError, match="10000x8500 pixels are too many for a frame"):
        read_image(tmp_path / "image.png", "RGB")


@pytest.mark.parametrize("mode", ["L", "P"])
def test_values_of_a_label_are_read_whatever_its_palette_shows(mode: str, tmp_path: Path) -> None:
    """A prediction's PNG has a palette, so that viewers show the classes in their colours."""
    label = PillowImage.fromarray(np.array([[0, 1], [2, 255]], dtype=np.uint8))
    if mode == "P":
        label.putpalette([200, 10, 30] * 256)
    label.save(tmp_path / "label.png")

    assert read_indices(tmp_path / "label.png").tolist() == [[0, 1], [2, 255]]
