"""Files that killed processes leave in the storage."""

import os
from pathlib import Path

from orchestrator.upkeep.stale_files import remove_partial_files, remove_stale_files


def make_old(path: Path) -> Path:
    os.utime(path, (0, 0))
    return path


def test_remains_of_killed_drivers_are_removed(tmp_path: Path) -> None:
    stop_file = tmp_path / ".stop-0123abcd"
    stop_file.touch()
    make_old(stop_file)
    for name in (".smoke-0123abcd", "round-17", "notes"):
        (tmp_path / name).mkdir()
        make_old(tmp_path / name)

    assert remove_stale_files(tmp_path) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_smoke_test_that_may_be_running_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".smoke-0123abcd").mkdir()

    assert remove_stale_files(tmp_path) == 0


def test_unfinished_files_are_removed_from_trial_directories(tmp_path: Path) -> None:
    trial = tmp_path / "0123456789ab"
    (trial / "pictures").mkdir(parents=True)
    for name in ("resume.pt", "resume.pt.4711", "pictures/a.png.4711", "log-1.txt"):
        (trial / name).touch()
        make_old(trial / name)
    (trial / "frames.npz.4712").touch()  # perhaps being written

    assert remove_partial_files(tmp_path) == 2
    names = {path.name for path in trial.iterdir()}
    assert names == {"resume.pt", "log-1.txt", "frames.npz.4712", "pictures"}


def test_missing_storage_has_no_remains(tmp_path: Path) -> None:
    assert remove_stale_files(tmp_path / "missing") == 0
    assert remove_partial_files(tmp_path / "missing") == 0
