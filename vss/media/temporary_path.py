"""Paths of files and folders to write: checked beforehand, and temporary until complete."""

import os
from contextlib import suppress
from pathlib import Path

from vss.errors import UserError


def temporary_path(path: Path) -> Path:
    """Return a hidden path next to `path` with the same extension, to be renamed once complete."""
    return path.with_name(f".{path.stem}.unfinished{path.suffix}")


def check_writable_file(path: Path) -> None:
    """Check that a file can be written under a temporary name and renamed, before work is lost.

    Raises:
        UserError: if its folder does not exist or cannot be written to, or it is a folder itself.
        OSError: if the system takes no such name.
    """
    check_writable_parent(path)
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder; name a file")
    with suppress(FileNotFoundError):
        temporary_path(path).lstat()


def check_writable_parent(path: Path) -> None:
    """Check that the folder in which a file or folder is to be made can be written to.

    Raises:
        UserError: if it does not exist, or cannot be written to.
    """
    parent = path.resolve().parent
    if not parent.is_dir():
        raise UserError(f"cannot write {path.name}: folder {parent} does not exist")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(
            f"cannot write {path.name}: folder {parent} is read-only, or you may not write to it"
        )
