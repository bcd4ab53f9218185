"""What a trial prints, in the log of its attempt."""

import sys
import threading
import warnings
from pathlib import Path

import pytest

from orchestrator.execution.nodes.output_log import copy_output


def test_prints_and_warnings_are_copied_to_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "trial" / "log-1.txt"

    with copy_output(log), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
        print("a line\nanother")
        print("no end", end="")
        warnings.warn("careful", stacklevel=1)

    lines = [line.partition(" ")[2] for line in log.read_text().splitlines()]
    assert lines == ["a line", "another", "warning: careful", "no end"]
    assert capsys.readouterr().out == "a line\nanother\nno end"


def test_password_reaches_neither_the_log_nor_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log-1.txt"

    with copy_output(log):
        print("View run at: http://vss:geheim@host:5000/#/runs")

    assert "http://vss:***@host:5000" in log.read_text()
    assert "geheim" not in log.read_text() + capsys.readouterr().out


def test_other_threads_print_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log-1.txt"

    with copy_output(log):
        thread = threading.Thread(target=print, args=("of the view",))
        thread.start()
        thread.join()

    assert not log.exists()
    assert capsys.readouterr().out == "of the view\n"


def test_log_that_cannot_be_written_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with copy_output(Path("/proc/nowhere/log-1.txt")):
        print("a line")

    assert capsys.readouterr().out == "a line\n"
