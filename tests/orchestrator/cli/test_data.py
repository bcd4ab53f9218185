"""Commands for datasets, from the command line to the files that they leave."""

from pathlib import Path

from PIL import Image

from tests.conftest import paint_video
from tests.orchestrator.conftest import assert_one_line
from tests.vss.data.custom.test_dataset import paint as paint_folder
from vss.media.video import open_source


def test_check_of_a_sound_dataset_says_what_it_holds(run, camvid: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    sheet = tmp_path / "sheet.png"

    done = run("data", "check", "camvid", camvid, "--stride", 30, "--picture", sheet)

    assert done.code == 0
    assert "Bicyclist" in done.out
    assert "3 + 0" in done.out
    assert "remark: labelled frames 4/4/4: published are 367/101/233 or 232" in done.out
    assert "nothing is broken" in done.out
    with Image.open(sheet) as picture:
        assert picture.width > 3 * 2 * 240


def test_check_of_a_broken_dataset_ends_with_one_and_names_the_file(run, camvid: Path) -> None:  # type: ignore[no-untyped-def]
    (camvid / "testannot/Seq05VD_f00960.png").write_text("no picture")

    done = run("data", "check", "camvid", camvid)

    assert done.code == 1
    assert "broken: testannot/Seq05VD_f00960.png" in done.out
    assert "1 broken" in done.out


def test_check_as_json_holds_the_same(run, camvid: Path) -> None:  # type: ignore[no-untyped-def]
    found = run("data", "check", "camvid", camvid, "--stride", 30, "--json").json

    assert found["splits"]["train"]["labelled"] == 4
    assert found["splits"]["train"]["predecessors"] == {"1": 3, "2": 2, "3": 1, "4": 0}
    assert found["broken"] == []


def test_check_of_an_unknown_dataset_is_a_user_mistake(run) -> None:  # type: ignore[no-untyped-def]
    done = run("data", "check", "camvit", "somewhere")

    assert done.code == 2
    assert_one_line(done, "camvit.*camvid")


def test_check_refuses_a_picture_it_could_not_write(run, camvid: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = run("data", "check", "camvid", camvid, "--picture", tmp_path / "sheet.txt")

    assert done.code == 2
    assert_one_line(done, r"sheet\.txt must end in \.png")


def paint_release(root: Path) -> Path:
    """Two labelled stills of one sequence, and its video."""
    root.mkdir()
    video = paint_video(root / "0016E5.mp4", 8)
    pictures = list(open_source(video))
    for number in (3, 7):
        Image.fromarray(pictures[number].pixels).save(root / f"0016E5_{number:05d}.png")
        Image.new("RGB", (8, 8)).save(root / f"0016E5_{number:05d}_L.png")
    return root


def test_prepare_writes_the_frames_and_says_how_well_they_fit(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    root, out = paint_release(tmp_path / "release"), tmp_path / "out"

    done = run("data", "prepare", "camvid", root, "--out", out, "--before", 2)
    again = run("data", "prepare", "camvid", root, "--out", out, "--before", 2)

    assert (done.code, again.code) == (0, 0)
    assert done.out == (
        "0016E5: 4 frames written; stills found at offset +0, mean difference 0.0\n"
    )
    assert again.out == "0016E5: 0 frames written\n"
    assert sorted(p.stem[-1] for p in out.iterdir()) == ["1", "2", "5", "6"]


def test_prepare_refuses_a_video_of_something_else(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    root = paint_release(tmp_path / "release")
    for number in (3, 7):
        Image.new("RGB", (48, 32), "white").save(root / f"0016E5_{number:05d}.png")

    done = run("data", "prepare", "camvid", root, "--out", tmp_path / "out")

    assert done.code == 1
    assert done.err.startswith("refused: sequence 0016E5: its video does not show its stills")


def test_prepare_without_a_video_is_a_user_mistake(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    root = paint_release(tmp_path / "release")
    (root / "0016E5.mp4").unlink()

    done = run("data", "prepare", "camvid", root, "--out", tmp_path / "out")

    assert done.code == 2
    assert_one_line(done, "0016E5 needs one video")


def test_a_users_own_data_is_checked_by_its_description(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = paint_folder(tmp_path / "data")

    done = run("data", "check", "folder", file)

    assert done.code == 0
    assert "größe" in done.out
    assert run("data", "check", "folder", tmp_path).code == 2
