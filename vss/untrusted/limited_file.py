"""Files whose content may come from a stranger: only regular ones, and only below a size limit.

A pipe would wait for ever, a device has no end, and a message never repeats what a file contains.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from vss.errors import UserError
from vss.untrusted.messages import cut, printable

MIB = 2**20


def read_text(path: Path, kind: str, limit: int) -> str:
    """Return the text of a file.

    Args:
        path: the file.
        kind: what it is, for messages: "spec".
        limit: the largest size in bytes.

    Raises:
        UserError: if it is missing, too large, no regular file or not UTF-8.
    """
    try:
        return read_bytes(path, kind, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{kind} {name_of(path)} is not UTF-8 text: {error.reason}") from None


def read_bytes(path: Path, kind: str, limit: int) -> bytes:
    """Return the content of a file; otherwise like `read_text`."""
    with open_limited(path, kind, limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # it grew, or belongs to /proc
        raise UserError(_too_large(path, kind, limit))
    return content


def digest(path: Path, kind: str, limit: int) -> str:
    """Return the hash of a file's content, by which trials refer to it; errors as `read_text`."""
    with open_limited(path, kind, limit) as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


@contextmanager
def open_limited(path: Path, kind: str, limit: int) -> Iterator[BufferedReader]:
    """Open a file for reading; errors as `read_text`."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before it is opened: that may do something
            raise UserError(f"cannot read {kind} {name_of(path)}: {_kind_of(path)}")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"cannot read {kind} {name_of(path)}: it is not a regular file")
            if status.st_size > limit:
                raise UserError(_too_large(path, kind, limit))
            yield file
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"cannot read {kind} {name_of(path)}: {reason}") from None
    except ValueError:
        raise UserError(f"cannot read {kind} {name_of(path)}: it is no valid path") from None


def name_of(path: Path) -> str:
    """Return a path as messages show it: the end of a long one, control characters escaped."""
    return cut(printable(str(path)), 120)


def size_text(size: int) -> str:
    """Return a size limit in words."""
    return f"{size // 2**30} GiB" if size >= 2**30 else f"{size // MIB} MiB"


def _kind_of(path: Path) -> str:
    return "it is a folder" if path.is_dir() else "it is a pipe or device, not a regular file"


def _too_large(path: Path, kind: str, limit: int) -> str:
    limit_text = size_text(limit)
    return f"{kind} {name_of(path)} is larger than {limit_text}, the limit: is it the right file?"
