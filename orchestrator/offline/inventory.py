"""The trial directories in a folder from elsewhere and their files, before any is read.

All that a trial directory has is copied. Importing this module loads nothing heavy.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from vss.errors import UserError
from vss.untrusted.limited_file import MIB, size_text
from vss.untrusted.messages import excerpt_name, list_briefly

MOST_FILES = 2000
_LARGEST_FILE = 4096 * MIB
_LARGEST_FILES = {
    "config.json": MIB,
    "environment.json": MIB,
    "data.json": 16 * MIB,
    "result.json": 16 * MIB,
    "trial.json": 16 * MIB,
    "latency.json": 16 * MIB,
    "curves.csv": 64 * MIB,
    "frames.npz": 1024 * MIB,
    "samples.npz": 1024 * MIB,
    "attempt": MIB,
}


def find_trial_directories(folders: Sequence[Path]) -> list[Path]:
    """Return the trial directories among folders and in them.

    Raises:
        UserError: if there is none at all.
    """
    directories = [
        path
        for folder in folders
        for path in ([folder] if (folder / "config.json").exists() else sorted(folder.glob("*/")))
        if (path / "config.json").exists() or (path / "result.json").exists()
    ]
    if not directories:
        names = list_briefly(folders)
        raise UserError(
            f"no trial directory in {names}: a trial directory contains config.json and result.json"
        )
    return directories


def check_inventory(folder: Path) -> None:
    """Check that a directory has only regular files below their limits, and not too many.

    A link would be followed when the directory is copied, wherever it leads.

    Raises:
        UserError: naming the first file that may not be there.
    """
    if folder.is_symlink():
        raise UserError("it is a link: name the folder that it leads to")
    for number, entry in enumerate(_entries(folder), start=1):
        name = excerpt_name(os.path.relpath(entry.path, folder))
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            kind = "a link" if entry.is_symlink() else "a pipe or device"
            raise UserError(f"{name} is {kind}: only files and folders are imported")
        limit = _LARGEST_FILES.get(name, _LARGEST_FILE)
        if status.st_size > limit:
            raise UserError(f"{name} is larger than {size_text(limit)}, the limit")
        if number > MOST_FILES:
            raise UserError(f"it has more than {MOST_FILES} files: is it a trial directory?")


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield what a folder contains, without following links."""
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path))
