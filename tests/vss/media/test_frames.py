"""The frames of a video as files."""

from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import paint_video
from vss.media.frames import write_frames
from vss.media.video import BrokenVideoError, open_source


def test_every_frame_is_written_once(tmp_path: Path) -> None:
    source = open_source(paint_video(tmp_path / "video.mp4", frames=3))
    counts: list[int] = []

    first = write_frames(source, tmp_path / "frames", counts.append)
    again = write_frames(source, tmp_path / "frames")

    assert (first, again, counts) == (3, 0, [1, 2, 3])
    files = sorted((tmp_path / "frames").iterdir())
    assert [file.name for file in files] == ["000000.jpg", "000001.jpg", "000002.jpg"]
    with Image.open(files[0]) as picture:
        assert picture.size == (46, 34)


def test_frames_before_the_damage_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_frames(open_source(paint_video(tmp_path / "video.mp4", frames=3)), source)
    (source / "000002.jpg").write_bytes(b"broken")

    with pytest.raises(BrokenVideoError, match="000002.jpg"):
        write_frames(open_source(source), tmp_path / "frames")

    assert len(list((tmp_path / "frames").iterdir())) == 2
