"""Files with secrets: nobody but their owner may read them."""

import os
import stat
from pathlib import Path

from vss.errors import UserError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def require_private(variable: str, file: Path) -> None:
    """Refuse a file with a secret that other users can read.

    Args:
        variable: the environment variable that names it.
        file: the file; a missing one is not refused.

    Raises:
        UserError: if others can read it.
    """
    if file.exists() and others_can_read(file) and not _is_mounted_secret(file):
        raise UserError(f"other users can read the secret in {variable}={file}: chmod 600 {file}")


def others_can_read(file: Path) -> bool:
    """Return whether a file gives any right to users who do not own it."""
    return bool(file.stat().st_mode & _OTHERS)


def _is_mounted_secret(file: Path) -> bool:
    """Return whether an orchestrator of containers has mounted the file for this container alone.

    Docker Swarm and Kubernetes give such files to root, with mode 0444 or 0440, on a read-only
    mount, where the mode cannot be changed. Secrets of Compose are files of the host, and keep
    their owner and mode.
    """
    return file.stat().st_uid == 0 and bool(os.statvfs(file).f_flag & os.ST_RDONLY)
