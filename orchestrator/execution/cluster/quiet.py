"""Keep what Ray's C++ parts print away from the user's terminal."""

import os
import sys
from pathlib import Path

from orchestrator.secrecy.streams import redact_stream

_MOST_BYTES = 1_000_000


def redirect_native_errors(log: Path) -> None:
    """Let everything but Python print its errors into a file, for the rest of this process.

    Ray's core writes its errors to file descriptor 2 whatever its settings say. Python keeps the
    terminal under a descriptor of its own, so that our errors and tracebacks are still seen.
    What is lost to the file is the trace of a crashed interpreter.
    """
    sys.stderr.flush()
    if _is_descriptor_2(sys.stderr):
        terminal = os.dup(2)
        stream = os.fdopen(terminal, "w", buffering=1, errors="backslashreplace")
        sys.stderr = redact_stream(stream)
    log.parent.mkdir(parents=True, exist_ok=True)
    is_long = log.exists() and log.stat().st_size > _MOST_BYTES
    with log.open("w" if is_long else "a") as file:
        os.dup2(file.fileno(), 2)


def _is_descriptor_2(stream: object) -> bool:
    try:
        return stream.fileno() == 2  # type: ignore[attr-defined, no-any-return]
    except (AttributeError, OSError, ValueError):  # a stream of a test has none
        return False
