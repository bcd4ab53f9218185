"""Commands for datasets, from the command line to the files they write."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import paint_video
from tests.orchestrator.conftest import assert_one_line
from tests.vss.data.custom.test_dataset import paint as paint_folder
from vss.media.video import open_source


def test_check_of_a_sound_dataset_lists_its_contents(
    run: Any, camvid: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"

    result = run("data", "check", "camvid", camvid, "--stride", 30, "--picture", sheet)

    assert result.code == 0
    assert "Bicyclist" in result.out
    assert "3 + 0" in result.out
    assert "remark: labelled frames 4/4/4: 367/101/233 or 232 are published" in result.out
    assert "no broken files" in result.out
    with Image.open(sheet) as picture:
        assert picture.width > 3 * 2 * 240


def test_frames_of_a_video_are_written(run: Any, tmp_path: Path) -> None:
    video = paint_video(tmp_path / "drive.mp4", frames=3)

    result = run("data", "frames", video, "--out", tmp_path / "frames")

    assert result.out == f"3 frames written to {tmp_path / 'frames'}\n"
    assert len(list((tmp_path / "frames").iterdir())) == 3
    assert_one_line(run("data", "frames", video, "--out", "/proc/frames"), "cannot write to /proc")


def test_check_of_a_broken_dataset_exits_1_and_names_the_file(run: Any, camvid: Path) -> None:
    (camvid / "testannot/Seq05VD_f00960.png").write_text("no picture")

    result = run("data", "check", "camvid", camvid)

    assert result.code == 1
    assert "broken: testannot/Seq05VD_f00960.png" in result.out
    assert "1 broken file" in result.out


@pytest.mark.slow
def test_check_prints_the_report_as_json(run: Any, camvid: Path) -> None:
    report = run("data", "check", "camvid", camvid, "--stride", 30, "--json").json

    assert report["splits"]["train"]["labelled"] == 4
    assert report["splits"]["train"]["predecessors"] == {"1": 3, "2": 2, "3": 1, "4": 0}
    assert report["broken"] == []


def test_check_refuses_an_unknown_dataset(run: Any) -> None:
    result = run("data", "check", "camvit", "somewhere")

    assert result.code == 2
    assert_one_line(result, "camvit.*camvid")


def test_check_refuses_a_picture_that_it_cannot_write(
    run: Any, camvid: Path, tmp_path: Path
) -> None:
    result = run("data", "check", "camvid", camvid, "--picture", tmp_path / "sheet.txt")

    assert result.code == 2
    assert_one_line(result, r"sheet\.txt must end in \.png")


def paint_release(root: Path) -> Path:
    """Write two labelled stills of one sequence, and its video; return the folder."""
    root.mkdir()
    video = paint_video(root / "0016E5.mp4", 8)
    pictures = list(open_source(video))
    for number in (3, 7):
        Image.fromarray(pictures[number].pixels).save(root / f"0016E5_{number:05d}.png")
        Image.new("RGB", (8, 8)).save(root / f"0016E5_{number:05d}_L.png")
    return root


def test_prepare_writes_the_frames_and_prints_how_well_they_match(run: Any, tmp_path: Path) -> None:
    root, out = paint_release(tmp_path / "release"), tmp_path / "out"

    result = run("data", "prepare", "camvid", root, "--out", out, "--before", 2)
    second_result = run("data", "prepare", "camvid", root, "--out", out, "--before", 2)

    assert (result.code, second_result.code) == (0, 0)
    assert result.out == (
        "0016E5: 4 frames written; stills matched at frame offset +0 (mean difference 0.0 of 255)\n"
    )
    assert second_result.out == "0016E5: 0 frames written\n"
    assert sorted(p.stem[-1] for p in out.iterdir()) == ["1", "2", "5", "6"]


def test_prepare_skips_a_video_that_does_not_show_the_stills(run: Any, tmp_path: Path) -> None:
    root = paint_release(tmp_path / "release")
    for number in (3, 7):
        Image.new("RGB", (48, 32), "white").save(root / f"0016E5_{number:05d}.png")

    result = run("data", "prepare", "camvid", root, "--out", tmp_path / "out")

    assert result.code == 1
    assert result.err.startswith("skipped: sequence 0016E5: the video does not match the stills")


def test_prepare_needs_the_video_of_each_sequence(run: Any, tmp_path: Path) -> None:
    root = paint_release(tmp_path / "release")
    (root / "0016E5.mp4").unlink()

    result = run("data", "prepare", "camvid", root, "--out", tmp_path / "out")

    assert result.code == 2
    assert_one_line(result, "0016E5 needs one video")


@pytest.mark.slow
def test_check_reads_the_description_of_a_custom_dataset(run: Any, tmp_path: Path) -> None:
    file = paint_folder(tmp_path / "data")

    result = run("data", "check", "folder", file)

    assert result.code == 0
    assert "größe" in result.out
    assert run("data", "check", "folder", tmp_path).code == 2
