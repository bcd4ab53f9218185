"""The program, from its first moment."""

import signal
import subprocess
import sys

# An import of the command line that Ctrl-C interrupts, and that ends in an error of its own.
INTERRUPTED = """
import os, signal, sys
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "orchestrator.cli.app":
            try:
                {cause}
            except KeyboardInterrupt:
                raise AttributeError("partially initialized module") from None
sys.meta_path.insert(0, Finder)
from orchestrator.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # also if the tests run in the background
main()
"""


def run(cause: str) -> "subprocess.CompletedProcess[str]":
    code = INTERRUPTED.replace("{cause}", cause)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_ctrl_c_during_imports_shows_no_traceback() -> None:
    process = run("os.kill(os.getpid(), signal.SIGINT)")

    assert (process.stdout, process.stderr) == ("", "")
    assert process.returncode == -signal.SIGINT  # which a shell turns into 130


def test_error_of_an_import_is_shown() -> None:
    process = run("raise KeyError('not interrupted')")

    assert "KeyError" in process.stderr
    assert process.returncode == 1
