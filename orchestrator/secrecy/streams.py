"""The output of a process, redacted as it is written: also what libraries print."""

import codecs
import sys
from io import TextIOWrapper
from typing import Any, TextIO, cast

from orchestrator.secrecy.redaction import redact


class RedactedStream:
    """A stream that redacts each text before it hands it on.

    A secret that is written in two parts passes: texts are redacted where they are made as well.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without secrets, and return the length of the text."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts without secrets."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redact_stream(stream: TextIO) -> TextIO:
    """Return a stream that hands on all texts without secrets."""
    if isinstance(stream, RedactedStream):
        return stream
    return cast(TextIO, RedactedStream(stream))


def redact_output() -> None:
    """Redact all that Python prints from now on, tracebacks included.

    Characters that the encoding of the terminal lacks are escaped.
    """
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is not None:  # the user has closed it
            if isinstance(stream, TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
                stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, redact_stream(stream))
