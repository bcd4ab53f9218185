"""Commands for datasets, from the command line to the files that they leave."""

from pathlib import Path

from PIL import Image

from tests.orchestrator.conftest import assert_one_line


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
