"""Video files and folders of images, frame by frame."""

import os
import weakref
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from tests.conftest import paint_video
from vss.errors import UserError
from vss.media.image import Image
from vss.media.temporary_path import temporary_path
from vss.media.video import BrokenVideoError, VideoFile, open_source


def grey(value: int, size: tuple[int, int] = (48, 32)) -> Image:
    return np.full((size[1], size[0], 3), value, dtype=np.uint8)


def write(path: Path, rate: Fraction, base: Fraction, ticks: Sequence[int]) -> Path:
    file = VideoFile(path, rate, base)
    for number, tick in enumerate(ticks):
        file.write(grey(20 * number), tick)
    file.finish()
    return path


def paint_folder(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        PillowImage.fromarray(grey(20 * number)).save(folder / name)
    return folder


RATES = {
    "NTSC": (Fraction(30000, 1001), Fraction(1, 30000), [0, 1001, 2002, 3003]),
    "whole": (Fraction(25), Fraction(1, 25), [0, 1, 2, 3]),
    "variable": (Fraction(5), Fraction(1, 1000), [0, 33, 500, 501]),
    "from a late start": (Fraction(10), Fraction(1, 90000), [90000, 99000, 108000, 117000]),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("case", RATES)
def test_rate_and_times_survive_writing_and_reading(case: str, suffix: str, tmp_path: Path) -> None:
    rate, base, ticks = RATES[case]

    source = open_source(write(tmp_path / f"video{suffix}", rate, base, ticks))

    times = [frame.ticks * source.time_base for frame in source]
    expected = [(tick - ticks[0]) * base for tick in ticks]
    assert [float(x) for x in times] == pytest.approx([float(x) for x in expected], abs=0.0006)
    if case != "variable":  # its mean depends on how long the last frame is shown
        assert source.rate == rate


def test_colours_survive_writing_and_reading(tmp_path: Path) -> None:
    colours = [(200, 30, 60), (20, 180, 90), (70, 80, 220)]
    pixels = np.zeros((32, 96, 3), dtype=np.uint8)
    for number, colour in enumerate(colours):
        pixels[:, 32 * number : 32 * number + 32] = colour
    file = VideoFile(tmp_path / "video.mp4", Fraction(25), Fraction(1, 25))
    file.write(pixels, 0)
    file.finish()

    (frame,) = open_source(tmp_path / "video.mp4")

    for number, colour in enumerate(colours):
        assert frame.pixels[16, 32 * number + 16] == pytest.approx(colour, abs=6)


def test_odd_edge_is_repeated_because_the_format_needs_even_sizes(tmp_path: Path) -> None:
    file = VideoFile(tmp_path / "video.mp4", Fraction(25), Fraction(1, 25))
    pixels = grey(50, (47, 33))
    pixels[:, -1] = pixels[-1] = 200
    file.write(pixels, 0)
    file.finish()

    (frame,) = open_source(tmp_path / "video.mp4")

    assert frame.pixels.shape == (34, 48, 3)
    assert frame.pixels[-1, -1] == pytest.approx(200, abs=12)


@pytest.mark.parametrize(("degrees", "corner"), [(90, "bottom"), (180, "bottom"), (-90, "top")])
def test_rotated_video_is_read_upright(degrees: int, corner: str, tmp_path: Path) -> None:
    """The bright corner is stored at the top left and rotated counterclockwise."""
    pixels = grey(10, (64, 32))
    pixels[:16, :16] = 220
    with av.open(tmp_path / "video.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.set_display_rotation(degrees)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))

    (frame,) = open_source(tmp_path / "video.mp4")

    expected = np.rot90(pixels, degrees // 90)
    assert frame.pixels.shape == expected.shape
    assert np.abs(frame.pixels.astype(int) - expected).mean() < 5
    rows = slice(-8, None) if corner == "bottom" else slice(None, 8)
    assert frame.pixels[rows].mean() > frame.pixels.mean()


def test_folder_is_read_in_numerical_order(tmp_path: Path) -> None:
    folder = paint_folder(tmp_path / "frames", ["f10.png", "f2.png", "f1.png", "f9.png"])
    (folder / "notes.txt").write_text("not an image")

    source = open_source(folder, Fraction(10))

    assert [frame.name for frame in source] == ["f1", "f2", "f9", "f10"]
    assert (source.count, source.rate, source.time_base) == (4, 10, Fraction(1, 10))
    assert [frame.ticks for frame in source] == [0, 1, 2, 3]


@pytest.mark.slow
def test_frames_are_read_one_at_a_time(tmp_path: Path) -> None:
    """However long the video is, only a few frames are alive at once."""
    largest_count = {}
    for frames in (10, 60):
        video = paint_video(tmp_path / f"{frames}.mp4", frames)
        pixels: list[weakref.ref[Image]] = []
        largest_count[frames] = 0
        for frame in open_source(video):
            pixels.append(weakref.ref(frame.pixels))
            alive = sum(array() is not None for array in pixels)
            largest_count[frames] = max(largest_count[frames], alive)

    assert largest_count[10] == largest_count[60] <= 2


@pytest.mark.parametrize("content", [b"", b"not a video" * 100])
def test_file_that_is_not_a_video_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(content)

    with pytest.raises(UserError, match=r"cannot read .*video.mp4 as a video: invalid data"):
        open_source(tmp_path / "video.mp4")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*none.mp4 as a video: no such file"):
        open_source(tmp_path / "none.mp4")


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"contains no images \(.png, .jpg"):
        open_source(tmp_path)


def test_file_with_sound_only_is_refused(tmp_path: Path) -> None:
    with av.open(tmp_path / "sound.mkv", "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))

    with pytest.raises(UserError, match="contains no video stream"):
        open_source(tmp_path / "sound.mkv")


@pytest.mark.slow
def test_damage_in_the_middle_is_reported_with_its_frame(tmp_path: Path) -> None:
    video = paint_video(tmp_path / "video.mp4", 300, (160, 120))
    content = bytearray(video.read_bytes())
    start = content.index(b"mdat")
    end = content.index(b"moov")
    middle = (start + end) // 2
    content[middle : middle + 2000] = bytes(2000)
    video.write_bytes(content)

    with pytest.raises(
        BrokenVideoError, match=r"video.mp4 cannot be decoded from frame (\d+) on: "
    ) as error:
        list(open_source(video))

    assert 0 < error.value.frames < 300


@pytest.mark.slow
def test_truncated_video_is_reported_with_its_frame(tmp_path: Path) -> None:
    """An interrupted download: with the index at the front, only the missing frames reveal it."""
    video = tmp_path / "video.mp4"
    options = {"movflags": "faststart"}
    with av.open(video, "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        rng = np.random.default_rng(0)
        for _ in range(40):
            pixels = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])

    message = r"video.mp4 (is truncated at|cannot be decoded from) frame \d+"
    with pytest.raises(BrokenVideoError, match=message) as error:
        list(open_source(video))

    assert 0 < error.value.frames < 40


def test_unreadable_image_in_a_folder_is_named(tmp_path: Path) -> None:
    folder = paint_folder(tmp_path / "frames", ["1.png", "2.png", "3.png"])
    (folder / "2.png").write_bytes(b"broken")

    with pytest.raises(BrokenVideoError, match=r"cannot read image .*2.png") as error:
        list(open_source(folder))

    assert error.value.frames == 1


@pytest.mark.slow
def test_discarded_video_leaves_nothing(tmp_path: Path) -> None:
    file = VideoFile(tmp_path / "video.mp4", Fraction(25), Fraction(1, 25))
    for number in range(100):  # the encoder looks ahead before it writes the first
        file.write(grey(0), number)
    assert list(tmp_path.iterdir())

    file.discard()

    assert list(tmp_path.iterdir()) == []


def test_unfinished_video_does_not_replace_an_existing_one(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_text("an earlier video")
    file = VideoFile(tmp_path / "video.mp4", Fraction(25), Fraction(1, 25))
    file.write(grey(0), 0)

    assert (tmp_path / "video.mp4").read_text() == "an earlier video"
    file.finish()
    assert open_source(tmp_path / "video.mp4").count == 1


def test_pipe_is_no_video(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "video.mp4")

    with pytest.raises(UserError, match=r"cannot read video .*: it is a pipe or device"):
        open_source(tmp_path / "video.mp4")


def test_list_of_other_files_is_no_video(tmp_path: Path) -> None:
    write(tmp_path / "other.mp4", Fraction(25), Fraction(1, 25), [0, 1])
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")

    with pytest.raises(UserError, match=r"list.mp4 is a list of other files, not a video"):
        open_source(tmp_path / "list.mp4")


def test_any_digits_in_the_names_of_images_can_be_sorted(tmp_path: Path) -> None:
    names = ["2.png", "10.png", "\u00b2.png", f"{'9' * 240}.png"]

    source = open_source(paint_folder(tmp_path / "frames", names))

    assert [file.name for file in source.files[:2]] == ["2.png", "10.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_unfinished_video_on_a_full_disk_is_deleted(tmp_path: Path) -> None:
    file = VideoFile(tmp_path / "video.mp4", Fraction(25), Fraction(1, 25))
    temporary_path(file.path).symlink_to("/dev/full")
    file.write(grey(1), 0)

    with pytest.raises(OSError, match="No space left"):
        file.finish()
    file.discard()

    assert list(tmp_path.iterdir()) == []
