"""The name of an unfinished file, and whether it can be written."""

import os
from pathlib import Path

import pytest

from vss.errors import UserError
from vss.media.temporary_path import check_writable_file, temporary_path


def test_temporary_path_is_hidden_beside_the_final_path_and_has_its_extension() -> None:
    assert temporary_path(Path("videos/a.mp4")) == Path("videos/.a.unfinished.mp4")


def test_folder_that_does_not_take_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write a.pt2: folder .*missing does not exist"):
        check_writable_file(tmp_path / "missing" / "a.pt2")


def test_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)

    if os.access(folder, os.W_OK):
        pytest.skip("the administrator may write everywhere")
    with pytest.raises(UserError, match=r"cannot write a.pt2: folder .* is read-only"):
        check_writable_file(folder / "a.pt2")
