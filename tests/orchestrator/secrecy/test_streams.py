"""The output of a process without secrets."""

import io
import os
import subprocess
import sys

import pytest

from orchestrator.secrecy.streams import RedactedStream, redact_stream


def test_written_secret_is_hidden_and_the_whole_text_counts() -> None:
    target = io.StringIO()

    written = redact_stream(target).write("http://a:geheim@b\n")

    assert target.getvalue() == "http://a:***@b\n"
    assert written == len("http://a:geheim@b\n")


def test_stream_is_wrapped_once() -> None:
    stream = redact_stream(io.StringIO())

    assert isinstance(stream, RedactedStream)
    assert redact_stream(stream) is stream


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", r"\xfc"), ("latin-1", "ü")])
def test_characters_that_a_terminal_lacks_are_escaped(encoding: str, shown: str) -> None:
    program = "from orchestrator.secrecy.streams import redact_output\nredact_output()\nprint('ü→')"

    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=environment
    ).stdout

    assert printed.decode(encoding) == f"{shown}\\u2192\n"


def test_traceback_shows_no_secret() -> None:
    program = (
        "from orchestrator.secrecy.streams import redact_output\n"
        "redact_output()\n"
        "raise ValueError('cannot reach http://a:geheim@b')\n"
    )

    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "ValueError: cannot reach http://a:***@b" in process.stderr
    assert "a:geheim@b')" not in process.stderr.splitlines()[-1]
