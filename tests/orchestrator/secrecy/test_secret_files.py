"""Files with secrets, and who may read them."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.secrecy.secret_files import require_private
from vss.errors import UserError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a secret that everybody can read."""
    file = tmp_path / "secret"
    file.write_text("geheim")
    file.chmod(0o444)
    return file


def _mount(monkeypatch: pytest.MonkeyPatch, owner: int, is_read_only: bool) -> None:
    flags = os.ST_RDONLY if is_read_only else 0
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=flags))
    monkeypatch.setattr(
        Path, "stat", lambda path, **_: SimpleNamespace(st_mode=0o100444, st_uid=owner)
    )


def test_secret_of_its_owner_alone_is_accepted(file: Path) -> None:
    file.chmod(0o400)

    require_private("SECRET_FILE", file)


def test_missing_file_is_left_to_its_reader(tmp_path: Path) -> None:
    require_private("SECRET_FILE", tmp_path / "missing")


def test_secret_that_a_container_gets_from_root_is_accepted(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mode of Docker's and Kubernetes' secrets is theirs."""
    _mount(monkeypatch, owner=0, is_read_only=True)

    require_private("SECRET_FILE", file)


@pytest.mark.parametrize(("owner", "is_read_only"), [(0, False), (1000, True)])
def test_other_open_files_are_refused(
    owner: int, is_read_only: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose mounts a file of the host with its mode, which its owner there can change."""
    _mount(monkeypatch, owner, is_read_only)

    with pytest.raises(UserError, match=r"other users can read .*: chmod 600 "):
        require_private("SECRET_FILE", file)
