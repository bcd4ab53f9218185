"""A queue that waits on a local disk, or in memory while that disk has no room."""

import json
import tempfile
from collections import deque
from typing import Any

_MOST_ITEMS_IN_MEMORY = 1000


class Spool:
    """A first-in, first-out queue of JSON values.

    Its file has no name, so that nothing stays behind even if the process is killed.

    Args:
        folder: the folder of the file; None for that of temporary files.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._file: Any = None
        self._read_at = self._write_at = 0
        self._memory: deque[Any] = deque()  # newer than all that is in the file

    def __bool__(self) -> bool:
        return self._read_at < self._write_at or bool(self._memory)

    @property
    def is_full(self) -> bool:
        """Whether the disk has no room and too much is in memory already."""
        return len(self._memory) >= _MOST_ITEMS_IN_MEMORY

    def append(self, item: Any) -> None:
        """Add an item at the end."""
        if self._memory or not self._write(json.dumps(item).encode() + b"\n"):
            self._memory.append(item)

    def first(self) -> Any:
        """Return the oldest item, which stays in the queue."""
        if self._read_at < self._write_at:
            self._file.seek(self._read_at)
            return json.loads(self._file.readline())
        return self._memory[0]

    def drop_first(self) -> None:
        """Remove the oldest item."""
        if self._read_at == self._write_at:
            self._memory.popleft()
            return
        self._file.seek(self._read_at)
        self._read_at += len(self._file.readline())
        if self._read_at == self._write_at:
            self._read_at = self._write_at = 0
            self._file.truncate(0)

    def _write(self, line: bytes) -> bool:
        """Write a line at the end of the file; return whether the disk had room."""
        try:
            if self._file is None:
                # Unbuffered: a line that does not fit must not be written later.
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            self._file.seek(self._write_at)
            if self._file.write(line) < len(line):
                return False  # what was written is overwritten by the next line
        except OSError:
            return False
        self._write_at += len(line)
        return True
