"""The size limit of the folder of decoded frames: those not used for longest go first.

Processes of one machine share the folder. Each marks what it uses by a shared lock, which the
system releases when the process ends, however that happens.
"""

import fcntl
import math
import os
import re
import shutil
import uuid
import weakref
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from vss.errors import UserError

_MARK = "in_use"  # locked by all who use a folder; its time says when it was used last
_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}-\d+x\d+(\.[0-9a-f]{8})?$")  # with suffix: unfinished
_GIB = 2**30


class Use:
    """The use of a folder of decoded frames, which ends with this object."""

    def __init__(self, folder: Path) -> None:
        mark = os.open(folder / _MARK, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(mark, fcntl.LOCK_SH)
        os.utime(mark)
        weakref.finalize(self, os.close, mark)


def lock(folder: Path) -> FileLock:
    """Return the lock that is held while a folder is made, opened or removed."""
    return FileLock(f"{folder}.lock")


def make_room(cache: Path, needed_bytes: int, limit_gb: float | None) -> None:
    """Remove folders that no process uses until new frames fit, the least recently used first.

    Args:
        cache: the folder of all of them.
        needed_bytes: size of the new frames.
        limit_gb: the limit in GiB, or None for what the disk holds.

    Raises:
        UserError: if the new frames do not fit.
    """
    disk = shutil.disk_usage(cache)
    limit_bytes = math.inf if limit_gb is None else limit_gb * _GIB
    sizes = {folder: _size(folder) for folder in cache.iterdir() if _NAME.match(folder.name)}
    excess = max(sum(sizes.values()) + needed_bytes - limit_bytes, needed_bytes - disk.free)
    for folder in sorted(sizes, key=_last_use):
        if excess > 0 and _remove(folder):
            excess -= sizes[folder]
    if needed_bytes > limit_bytes:
        raise UserError(
            f"decoded frames take {needed_bytes / _GIB:.1f} GiB, more than the "
            f"{limit_bytes / _GIB:.1f} GiB allowed in {cache}: raise VSS_CACHE_GB, or lower "
            "frame_width and frame_height"
        )
    free_bytes = shutil.disk_usage(cache).free
    if needed_bytes > free_bytes:
        raise UserError(
            f"decoded frames take {needed_bytes / _GIB:.1f} GiB in {cache}, which has "
            f"{free_bytes / _GIB:.1f} GiB free: free some space, set VSS_CACHE to another disk, or "
            "lower frame_width and frame_height"
        )


def _size(folder: Path) -> int:
    size = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # another process removes the folder
            size += file.stat().st_size
    return size


def _last_use(folder: Path) -> float:
    mark = folder / _MARK
    with suppress(FileNotFoundError):
        return (mark if mark.exists() else folder).stat().st_mtime
    return 0.0


def _remove(folder: Path) -> bool:
    """Remove a folder unless it is in use; return whether it has been removed."""
    name = folder.name.split(".")[0]  # that of an unfinished folder has a suffix
    try:
        with lock(folder.with_name(name)).acquire(timeout=0):
            if not is_free(folder):
                return False
            removed = folder.with_name(f"{name}.{uuid.uuid4().hex[:8]}")
            folder.rename(removed)
    except (Timeout, FileNotFoundError):
        return False
    shutil.rmtree(removed, ignore_errors=True)
    return True


def is_free(folder: Path) -> bool:
    """Return whether no process uses a folder."""
    if not (folder / _MARK).exists():
        return True  # nobody has opened it since it was made
    mark = os.open(folder / _MARK, os.O_RDWR)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(mark)
    return True
