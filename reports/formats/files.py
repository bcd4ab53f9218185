"""The files of a report, which may come from a stranger: regular ones below a size limit."""

import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

RESULTS = "results.json"
_MIB = 2**20
# 20,000 trials take 30 MiB of results.json.
_LIMITS = {RESULTS: 64 * _MIB, "confusions.npz": 1024 * _MIB, "curves.csv": 1024 * _MIB}
_LARGEST_PICTURE = 16 * _MIB
_MOST_PICTURES = 1000
_UNPACKED = 4096 * _MIB  # bytes of all arrays
_LONGEST_MESSAGE = 200  # characters
Content = TypeVar("Content")


class ReportError(ValueError):
    """Raised when a report's files are missing or damaged, or a record cannot be saved."""


def read_file(path: Path, read: Callable[[], Content]) -> Content:
    """Call `read`, and return its result.

    Raises:
        ReportError: if the file is missing, too large or damaged.
    """
    try:
        _check(path)
        return read()
    except FileNotFoundError:
        raise ReportError(
            f"no {path.name} in {path.parent}: give the folder of a complete report"
        ) from None
    except ReportError:
        raise
    except Exception as error:  # decoders raise many kinds of errors
        raise ReportError(f"{path} is damaged: {shorten(error)}") from None


def shorten(value: object) -> str:
    """Return a text on one short line of printable characters."""
    text = " ".join(str(value).split()) or type(value).__name__
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 3]}..."


def copy_pictures(source: Path, target: Path) -> None:
    """Copy the pictures of a report and their text; links and other things are left out.

    Raises:
        ReportError: if there are too many.
    """
    target.mkdir()
    for number, file in enumerate(sorted(source.iterdir())):
        if number >= _MOST_PICTURES:
            raise ReportError(f"{source} has more than {_MOST_PICTURES} pictures")
        status = file.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST_PICTURE:
            shutil.copyfile(file, target / file.name)


def _check(path: Path) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ReportError(f"{path} is not a regular file")
    limit = _LIMITS.get(path.name, _MIB)
    if status.st_size > limit:
        raise ReportError(f"{path} is larger than {limit // _MIB} MiB, the limit")
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > _UNPACKED:
                raise ReportError(f"{path} unpacks to more than {_UNPACKED // _MIB} MiB, the limit")
