"""Zip archives, which numpy and PyTorch write: a small one can unpack to more than the memory."""

import zipfile
from pathlib import Path
from typing import IO

from vss.errors import UserError
from vss.untrusted.limited_file import MIB, name_of, open_limited, size_text

_LARGEST_DIRECTORY = 4 * MIB  # of 40,000 parts; reading it takes 20 times as much memory


def check_archive(path: Path, limit: int) -> None:
    """Check that the parts of a zip archive take at most `limit` bytes; another file is ignored.

    Raises:
        UserError: if they take more, or the file cannot be read.
    """
    with open_limited(path, "file", limit) as file:
        if not zipfile.is_zipfile(file):
            return
        try:
            if _directory_size(file) > _LARGEST_DIRECTORY:
                raise UserError(f"{name_of(path)} has too many parts: is it the right file?")
            size = sum(part.file_size for part in zipfile.ZipFile(file).infolist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise UserError(f"{name_of(path)} is a damaged archive: {error}") from None
    if size > limit:
        raise UserError(f"{name_of(path)} unpacks to more than {size_text(limit)}, the limit")


def _directory_size(file: IO[bytes]) -> int:
    """Return the size of an archive's table of contents, as `zipfile` will read it."""
    end = getattr(zipfile, "_EndRecData")(file)  # noqa: B009  # private, and without a type
    return int(end[5]) if end else 0
