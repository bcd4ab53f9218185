"""Files in the storage that a killed process left behind, and that nobody reads."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Stop files and rounds are those of earlier versions; a smoke test removes its own folder.
_STALE_NAME = re.compile(r"\.stop-[0-9a-f]{8}|\.smoke-[0-9a-f]{8}|round-\d+")
_PARTIAL_NAME = re.compile(r".+\.\d+")  # written under this name until it is complete
_SECONDS_OF_A_SMOKE_TEST = 3600
_SECONDS_OF_A_WRITE = 3600


def remove_stale_files(folder: Path | None) -> int:
    """Remove what killed drivers left in the storage; return the number of files and folders.

    Args:
        folder: the storage; None if it is none of this machine's folders.
    """
    paths = [path for path in _entries(folder) if _STALE_NAME.fullmatch(path.name)]
    return sum(_remove(path, _SECONDS_OF_A_SMOKE_TEST) for path in paths)


def remove_partial_files(folder: Path | None) -> int:
    """Remove the unfinished files that killed workers left in trial directories; count them."""
    return sum(
        _remove(file, _SECONDS_OF_A_WRITE)
        for trial in _entries(folder)
        for file in (*_entries(trial), *_entries(trial / "pictures"))
        if _PARTIAL_NAME.fullmatch(file.name) and file.is_file()
    )


def remove_unread_orders(folder: Path) -> int:
    """Remove what was handed over to jobs that never started, which may contain passwords."""
    return sum(_remove(file, _SECONDS_OF_A_WRITE) for file in _entries(folder))


def _entries(folder: Path | None) -> Iterator[Path]:
    return folder.iterdir() if folder is not None and folder.is_dir() else iter(())


def _remove(path: Path, oldest_in_use: float) -> bool:
    """Remove a file or folder unless it has changed lately; return whether it was removed."""
    with suppress(OSError):  # another process may remove it too
        if time.time() - path.stat().st_mtime > oldest_in_use:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            return True
    return False
