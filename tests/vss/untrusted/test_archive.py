"""What an archive unpacks to."""

import zipfile
from pathlib import Path

import pytest

from vss.errors import UserError
from vss.untrusted.archive import check_archive


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**22))

    check_archive(tmp_path / "bomb", 2**22)
    with pytest.raises(UserError, match="bomb unpacks to more than 3 MiB, the limit"):
        check_archive(tmp_path / "bomb", 3 * 2**20)


def test_other_files_are_left_to_their_readers(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no archive")

    check_archive(tmp_path / "a", 100)
