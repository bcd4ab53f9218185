"""Zip archives, which numpy and PyTorch write: a small one can unpack to more than the memory."""

import zipfile
from pathlib import Path

from vss.errors import UserError
from vss.untrusted.limited_file import name_of, open_limited, size_text


def check_archive(path: Path, limit: int) -> None:
    """Check that the parts of a zip archive take at most `limit` bytes; another file is ignored.

    Raises:
        UserError: if they take more, or the file cannot be read.
    """
    with open_limited(path, "file", limit) as file:
        if not zipfile.is_zipfile(file):
            return
        try:
            size = sum(part.file_size for part in zipfile.ZipFile(file).infolist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise UserError(f"{name_of(path)} is a damaged archive: {error}") from None
    if size > limit:
        raise UserError(f"{name_of(path)} unpacks to more than {size_text(limit)}, the limit")
