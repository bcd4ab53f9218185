"""Overlay videos and index PNGs."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from tests.conftest import paint_video
from vss.errors import UserError
from vss.inference.writers import (
    IndexPictureWriter,
    OverlayVideoWriter,
    PredictionWriter,
    open_writers,
)
from vss.media.video import Source, VideoFrame, open_source

CLASSES = {"Road": (200, 0, 0), "Sky": (0, 0, 200)}
SIZE = (32, 48)  # height and width


def make_frame(name: str = "000000", ticks: int = 0) -> VideoFrame:
    return VideoFrame(np.full((*SIZE, 3), 100, dtype=np.uint8), name, ticks)


def left_and_right_classes() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return class indices with road on the left and sky on the right."""
    return np.repeat(np.array([[0, 1]], np.uint8), 24, axis=1).repeat(32, axis=0)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(paint_video(tmp_path / "source.mp4"))


def write_frame(writer: PredictionWriter) -> Path:
    writer.write(make_frame(), left_and_right_classes())
    writer.finish()
    return writer.path


@pytest.mark.parametrize(
    ("alpha", "left", "right"),
    [
        (0.0, (100, 100, 100), (100, 100, 100)),
        (0.5, (150, 50, 50), (50, 50, 150)),
        (1.0, (200, 0, 0), (0, 0, 200)),
    ],
)
def test_colours_are_laid_over_the_frame(
    alpha: float,
    left: tuple[int, int, int],
    right: tuple[int, int, int],
    source: Source,
    tmp_path: Path,
) -> None:
    path = write_frame(
        OverlayVideoWriter(tmp_path / "out.mp4", source, CLASSES, alpha, with_legend=False)
    )

    (frame,) = open_source(path)
    assert frame.pixels.shape == (*SIZE, 3)
    assert frame.pixels[16, 12] == pytest.approx(left, abs=8)
    assert frame.pixels[16, 36] == pytest.approx(right, abs=8)


def test_legend_is_below_the_frame_and_hides_nothing(source: Source, tmp_path: Path) -> None:
    path = write_frame(
        OverlayVideoWriter(tmp_path / "out.mp4", source, CLASSES, 0.0, with_legend=True)
    )

    (frame,) = open_source(path)
    assert frame.pixels.shape[0] > 32
    assert frame.pixels[:31] == pytest.approx(100, abs=8)
    assert frame.pixels[34:].max() > 200


def test_video_keeps_the_rate_and_times_of_its_source(tmp_path: Path, source: Source) -> None:
    slow = Source(source.path, Fraction(24000, 1001), Fraction(1, 24000), None)
    writer = OverlayVideoWriter(tmp_path / "out.mp4", slow, CLASSES, 0.5, with_legend=True)
    for number in range(5):
        writer.write(make_frame(ticks=1001 * number), left_and_right_classes())
    writer.finish()

    video = open_source(writer.path)

    assert video.rate == slow.rate
    times = [float(frame.ticks * video.time_base) for frame in video]
    assert times == pytest.approx([number * 1001 / 24000 for number in range(5)], abs=1e-4)


def test_pngs_contain_indices_and_display_colours(tmp_path: Path) -> None:
    folder = write_frame(IndexPictureWriter(tmp_path / "masks", list(CLASSES.values())))

    with PillowImage.open(folder / "000000.png") as image:
        assert np.array_equal(np.asarray(image), left_and_right_classes())
        assert image.convert("RGB").getpixel((0, 0)) == (200, 0, 0)
        assert image.convert("RGB").getpixel((47, 31)) == (0, 0, 200)


def test_two_frames_with_the_same_name_are_refused(tmp_path: Path) -> None:
    writer = IndexPictureWriter(tmp_path / "masks", list(CLASSES.values()))
    writer.write(make_frame("a"), left_and_right_classes())

    with pytest.raises(UserError, match="two frames are named 'a'"):
        writer.write(make_frame("a"), left_and_right_classes())


def test_unfinished_folder_has_a_temporary_name_and_can_be_discarded(tmp_path: Path) -> None:
    writer = IndexPictureWriter(tmp_path / "masks", list(CLASSES.values()))
    writer.write(make_frame(), left_and_right_classes())

    assert not (tmp_path / "masks").exists()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "masks", "kinds"),
    [
        ("a.mp4", None, [OverlayVideoWriter]),
        ("a.MKV", None, [OverlayVideoWriter]),
        ("a", None, [IndexPictureWriter]),
        ("a.mp4", "b", [OverlayVideoWriter, IndexPictureWriter]),
        ("a", "b", [IndexPictureWriter, IndexPictureWriter]),
    ],
)
def test_paths_decide_what_is_written(
    out: str, masks: str | None, kinds: list[type], source: Source, tmp_path: Path
) -> None:
    masks_path = tmp_path / masks if masks else None

    writers = open_writers(tmp_path / out, masks_path, source, CLASSES)

    assert [type(writer) for writer in writers] == kinds


def test_paths_that_cannot_be_written_are_refused(source: Source, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.png").write_text("")
    messages = {
        tmp_path / "a.avi": r"must end in .mp4 or .mkv",
        tmp_path / "none" / "a.mp4": r"cannot write a.mp4: folder .*none does not exist",
        source.path: r"source.mp4 is the input video",
        tmp_path / "full": r"full already exists .*: name a new folder",
    }
    for out, message in messages.items():
        with pytest.raises(UserError, match=message):
            open_writers(out, None, source, CLASSES)
    with pytest.raises(UserError, match="full already exists"):
        open_writers(tmp_path / "b.mp4", tmp_path / "full", source, CLASSES)

    assert (tmp_path / "full" / "precious.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "source.mp4"]


def test_one_place_for_both_outputs_is_refused(source: Source, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--out and --masks are both .*: name two places"):
        open_writers(tmp_path / "a", tmp_path / "b" / ".." / "a", source, CLASSES)


def test_folder_in_place_of_the_video_is_refused_before_anything_is_written(
    source: Source, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").mkdir()

    with pytest.raises(UserError, match=r"cannot write .*a.mp4: it is a folder; name a file"):
        open_writers(tmp_path / "a.mp4", None, source, CLASSES)
