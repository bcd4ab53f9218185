"""The missing past frames of the official release."""

from pathlib import Path

import pytest

from vss.data.camvid.raw_videos import plan_extraction
from vss.errors import UserError


def test_only_unlabelled_frames_before_a_still_are_missing(release: Path, tmp_path: Path) -> None:
    (task,) = plan_extraction(release, tmp_path / "out", frames_before=3)

    assert list(task.missing) == [7, 8, 9, 17, 18, 19, 21, 32, 33, 34]  # 20 is a still itself
    assert [still.number for still in task.stills] == [10, 20, 22, 35]


def test_existing_frames_are_not_missing(release: Path, tmp_path: Path) -> None:
    (tmp_path / "Seq05VD_f00009.png").write_bytes(b"a frame")

    (task,) = plan_extraction(release, tmp_path, frames_before=1)

    assert list(task.missing) == [19, 21, 34]


def test_missing_video_is_named(release: Path, tmp_path: Path) -> None:
    (release / "videos/Seq05VD_raw.avi").rename(release / "videos/other.avi")

    with pytest.raises(UserError, match="Seq05VD needs one video .* found none"):
        plan_extraction(release, tmp_path / "out", 4)


def test_folder_without_labelled_stills_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="contains no labelled stills"):
        plan_extraction(tmp_path, tmp_path.parent / "out", 4)
