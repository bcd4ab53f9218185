"""Overlay videos and index PNGs."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from tests.conftest import paint_video
from vss.errors import UserError
from vss.inference.writers import IndexPictures, OverlayVideo, Writer, writers_for
from vss.media.video import Picture, Source, open_source

CLASSES = {"Road": (200, 0, 0), "Sky": (0, 0, 200)}
SIZE = (32, 48)  # height and width


def picture(name: str = "000000", ticks: int = 0) -> Picture:
    return Picture(np.full((*SIZE, 3), 100, dtype=np.uint8), name, ticks)


def halves() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Road on the left, sky on the right."""
    return np.repeat(np.array([[0, 1]], np.uint8), 24, axis=1).repeat(32, axis=0)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(paint_video(tmp_path / "source.mp4"))


def written(writer: Writer) -> Path:
    writer.write(picture(), halves())
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
def test_colours_lie_over_the_frame(
    alpha: float,
    left: tuple[int, int, int],
    right: tuple[int, int, int],
    source: Source,
    tmp_path: Path,
) -> None:
    path = written(OverlayVideo(tmp_path / "out.mp4", source, CLASSES, alpha, with_legend=False))

    (found,) = open_source(path)
    assert found.pixels.shape == (*SIZE, 3)
    assert found.pixels[16, 12] == pytest.approx(left, abs=8)
    assert found.pixels[16, 36] == pytest.approx(right, abs=8)


def test_legend_stands_below_the_frame_and_hides_nothing(source: Source, tmp_path: Path) -> None:
    path = written(OverlayVideo(tmp_path / "out.mp4", source, CLASSES, 0.0, with_legend=True))

    (found,) = open_source(path)
    assert found.pixels.shape[0] > 32
    assert found.pixels[:31] == pytest.approx(100, abs=8)
    assert found.pixels[34:].max() > 200


def test_video_keeps_rate_and_times_of_its_source(tmp_path: Path, source: Source) -> None:
    slow = Source(source.path, Fraction(24000, 1001), Fraction(1, 24000), None)
    writer = OverlayVideo(tmp_path / "out.mp4", slow, CLASSES, 0.5, with_legend=True)
    for number in range(5):
        writer.write(picture(ticks=1001 * number), halves())
    writer.finish()

    found = open_source(writer.path)

    assert found.rate == slow.rate
    times = [float(frame.ticks * found.time_base) for frame in found]
    assert times == pytest.approx([number * 1001 / 24000 for number in range(5)], abs=1e-4)


def test_pngs_hold_indices_and_show_colours(tmp_path: Path) -> None:
    folder = written(IndexPictures(tmp_path / "masks", list(CLASSES.values())))

    with PillowImage.open(folder / "000000.png") as found:
        assert np.array_equal(np.asarray(found), halves())
        assert found.convert("RGB").getpixel((0, 0)) == (200, 0, 0)
        assert found.convert("RGB").getpixel((47, 31)) == (0, 0, 200)


def test_two_frames_of_one_name_are_refused(tmp_path: Path) -> None:
    writer = IndexPictures(tmp_path / "masks", list(CLASSES.values()))
    writer.write(picture("a"), halves())

    with pytest.raises(UserError, match="two frames are named 'a'"):
        writer.write(picture("a"), halves())


def test_unfinished_folder_does_not_bear_its_name_and_may_be_discarded(tmp_path: Path) -> None:
    writer = IndexPictures(tmp_path / "masks", list(CLASSES.values()))
    writer.write(picture(), halves())

    assert not (tmp_path / "masks").exists()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "masks", "kinds"),
    [
        ("a.mp4", None, [OverlayVideo]),
        ("a.MKV", None, [OverlayVideo]),
        ("a", None, [IndexPictures]),
        ("a.mp4", "b", [OverlayVideo, IndexPictures]),
        ("a", "b", [IndexPictures, IndexPictures]),
    ],
)
def test_paths_say_what_is_written(
    out: str, masks: str | None, kinds: list[type], source: Source, tmp_path: Path
) -> None:
    beside = tmp_path / masks if masks else None

    found = writers_for(tmp_path / out, beside, source, CLASSES)

    assert [type(writer) for writer in found] == kinds


def test_paths_that_cannot_be_written_are_refused(source: Source, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.png").write_text("")
    wrong = {
        tmp_path / "a.avi": r"end it in .mp4 or .mkv",
        tmp_path / "none" / "a.mp4": r"no folder .*none to write a.mp4 into",
        source.path: r"source.mp4 is the video that is read",
        tmp_path / "full": r"full is there already: name a new folder",
    }
    for out, message in wrong.items():
        with pytest.raises(UserError, match=message):
            writers_for(out, None, source, CLASSES)
    with pytest.raises(UserError, match="full is there already"):
        writers_for(tmp_path / "b.mp4", tmp_path / "full", source, CLASSES)

    assert (tmp_path / "full" / "precious.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "source.mp4"]
