"""What a trial prints, and Python's warnings about it, in the log of its attempt."""

import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from orchestrator.secrecy import redact
from vss.trial_log import append_to_log


@contextmanager
def copy_output(log: Path) -> Iterator[None]:
    """Copy what the calling thread prints, on stdout and stderr, to a log until the block ends.

    A log that cannot be written is no reason to fail: its lines are lost.
    """

    def append(line: str) -> None:
        with suppress(OSError):
            log.parent.mkdir(exist_ok=True)
            append_to_log(log, redact(line))

    out, err = _Copy(sys.stdout, append), _Copy(sys.stderr, append)
    with redirect_stdout(out), redirect_stderr(err):
        yield
    out.end_line()
    err.end_line()


class _Copy(io.TextIOBase):
    """A stream that also hands the whole lines of one thread to a function.

    Other threads, for example that of the live view, print to the original stream only.
    """

    def __init__(self, stream: TextIO, append: Callable[[str], None]) -> None:
        self._stream = stream
        self._append = append
        self._thread = threading.get_ident()
        self._line = ""

    def write(self, text: str) -> int:
        """Write to the stream, and hand on the lines that are now whole."""
        if threading.get_ident() == self._thread:
            *lines, self._line = (self._line + text).split("\n")
            for line in filter(None, lines):
                self._append(line)
        self._stream.write(redact(text))
        return len(text)

    def end_line(self) -> None:
        """Hand on a last line that has no end."""
        if self._line:
            self._append(self._line)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a class attribute there
        """The encoding of the stream."""
        return self._stream.encoding
