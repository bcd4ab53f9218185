"""The arrays of a trial directory from elsewhere, read block by block: they may be a gigabyte.

Every function raises whatever its decoder raises; the caller names the file. Shapes: F scored
frames, K classes, N samples of H x W pixels.
"""

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vss.errors import UserError
from vss.scoring.metrics import miou
from vss.untrusted.archive import check_archive
from vss.untrusted.limited_file import MIB

_LARGEST_FILE = 1024 * MIB  # unpacked
_LARGEST_TEXTS = 64 * MIB
_LONGEST_TEXT = 1000
_BLOCK = 8 * MIB


@dataclass(frozen=True)
class _Array:
    """An array in an archive, of which only the header has been read."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stream: IO[bytes]

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def blocks(self, multiple: int = 1) -> Iterator[bytes]:
        """Yield all bytes in blocks of whole multiples; the checksum is verified at their end."""
        left = self.size_bytes
        while left > 0:
            block = self.stream.read(min(left, max(1, _BLOCK // multiple) * multiple))
            if not block or len(block) % multiple:
                raise UserError(f"'{self.name}' is shorter than its shape {self.shape}")
            left -= len(block)
            yield block
        if self.stream.read(1):
            raise UserError(f"'{self.name}' is longer than its shape {self.shape}")


def read_score(path: Path, classes: Sequence[str]) -> float:
    """Return the mIoU that follows from frames.npz, whose classes must be these."""
    with _open(path) as archive:
        frames = _read_texts(archive, "frame")
        if _read_texts(archive, "classes") != list(classes):
            raise UserError("its classes are not those of the trial")
        with _open_array(archive, "confusion") as array:
            _require(array, "ui", (len(frames), len(classes), len(classes)))
            total = np.zeros((len(classes), len(classes)), dtype=np.int64)
            for block in array.blocks(len(classes) ** 2 * array.dtype.itemsize):
                counts = np.frombuffer(block, array.dtype).reshape(-1, *total.shape)
                if counts.min() < 0:
                    raise UserError("'confusion' has negative counts")
                total += counts.sum(axis=0, dtype=np.int64)
    return float(miou(total))


def check_samples(path: Path) -> None:
    """Check that samples.npz has what a report shows."""
    with _open(path) as archive:
        frames = _read_texts(archive, "frame")
        sizes = {}
        for name in ("image", "label"):  # labels may have more pixels than frames
            with _open_array(archive, name) as array:
                sizes[name] = array.shape[1:3]
        for name, size in {
            "image": (*sizes["image"], 3),
            "label": sizes["label"],
            "prediction": sizes["label"],
        }.items():
            with _open_array(archive, name) as array:
                _require(array, "u", (len(frames), *size))
                for _ in array.blocks():
                    pass
        with _open_array(archive, "colours") as array:
            _require(array, "u", (array.shape[0] if array.shape else 0, 3))


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    check_archive(path, _LARGEST_FILE)
    with zipfile.ZipFile(path) as archive:
        yield archive


@contextmanager
def _open_array(archive: zipfile.ZipFile, name: str) -> Iterator[_Array]:
    if f"{name}.npy" not in archive.namelist():
        raise UserError(f"it has no array '{name}'")
    with archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(stream)
        if dtype.hasobject or (is_fortran and len(shape) > 1) or min(shape, default=0) < 0:
            raise UserError(f"'{name}' is no array that a trial writes")
        yield _Array(name, shape, dtype, stream)


def _require(array: _Array, kinds: str, shape: tuple[int, ...]) -> None:
    if array.dtype.kind not in kinds or array.shape != shape:
        raise UserError(
            f"'{array.name}' has the type {array.dtype} and the shape {array.shape} instead of "
            f"whole numbers and {shape}"
        )


def _read_texts(archive: zipfile.ZipFile, name: str) -> list[str]:
    with _open_array(archive, name) as array:
        if array.dtype.kind != "U" or len(array.shape) != 1 or array.size_bytes > _LARGEST_TEXTS:
            raise UserError(f"'{name}' is no list of names")
        content: NDArray[np.str_] = np.frombuffer(b"".join(array.blocks()), array.dtype)
    texts: list[str] = content.tolist()
    if not all(len(text) <= _LONGEST_TEXT and text.isprintable() for text in texts):
        raise UserError(f"'{name}' has a name that is not printable, or too long")
    return texts
