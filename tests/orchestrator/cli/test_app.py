"""The command line as a whole: its help, its completion, and its exit code for user errors."""

import errno
import io
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestrator.cli.app import main
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from tests.orchestrator.conftest import assert_one_line
from tests.orchestrator.ledger.conftest import STUDY, members


def test_help_names_every_command(run: Any) -> None:
    result = run("--help")

    assert result.code == 0
    for command in ("plan", "submit", "status", "report", "names", "schema", "ui", "dashboard"):
        assert f" {command} " in result.out


@pytest.mark.parametrize("command", [["status"], ["report"], ["ui"]])
def test_unknown_experiment_is_named(
    run: Any, command: list[str], prepared_home: None, settings: Settings
) -> None:
    Ledger(settings.ledger_url)

    result = run(*command, "nothing")

    assert result.code == 2
    assert_one_line(result, "'nothing'")


@pytest.mark.parametrize("command", [["init", "--yes"], ["report", "--from"], ["import"]])
def test_name_that_no_file_can_have_is_named_on_one_line(
    run: Any, prepared_home: None, command: list[str]
) -> None:
    result = run(*command, "x" * 300)

    assert result.code == 2
    assert_one_line(result, "no file can have this name: xxx")


def test_unreachable_database_is_named_without_its_password(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql+psycopg://someone:secret@127.0.0.1:1/x")

    result = run("status")

    assert result.code == 2
    assert_one_line(result, "VSS_LEDGER_URL")
    assert "secret" not in result.err


def test_version_is_printed(run: Any) -> None:
    result = run("--version")

    assert (result.code, result.out) == (0, f"vss-orch {version('vss-orch')}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "line", "offers"),
    [
        ("bash", ["vss-orch", "sub"], ["submit"]),
        ("bash", ["vss-orch", "status", "st"], ["study"]),
        ("bash", ["vss-orch", "compare", "study", ":", "w"], [r"wide\ net"]),
        ("bash", ["vss-orch", "export", "study", ":", r"wide\ net", ":"], ["0", "1"]),
        ("fish", ["vss-orch", "export", "study:wi"], ["study:wide net"]),
    ],
)
def test_shell_completes_commands_and_names(
    settings: Settings, shell: str, line: list[str], offers: list[str]
) -> None:
    Ledger(settings.ledger_url).add(STUDY, members(0, 1, cell="wide net"))
    variables = {
        "_VSS_ORCH_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(line),
        "COMP_CWORD": str(len(line) - 1),
        "_TYPER_COMPLETE_ARGS": " ".join(line),
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    code = "import sys; sys.argv[0] = 'vss-orch'; from orchestrator.cli.app import main; main()"

    process = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True
    )

    assert (process.stdout.splitlines(), process.stderr) == (offers, "")


def test_ctrl_c_while_the_process_ends_shows_no_traceback() -> None:
    code = """
import signal, sys, threading, time
from orchestrator.cli.app import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # also if the tests run in the background
threading.Thread(target=time.sleep, args=(600,)).start()
sys.argv = ["vss-orch", "--version"]
try:
    main()
finally:
    print("done", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while process.stdout.readline() != "done\n":
        assert process.poll() is None

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -signal.SIGINT  # which a shell turns into 130


def test_output_may_be_closed() -> None:
    command = [sys.executable, "-m", "orchestrator.cli.app", "--version"]

    process = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *command], capture_output=True, text=True
    )

    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_under_the_output_is_an_error_of_one_line() -> None:
    command = [sys.executable, "-m", "orchestrator.cli.app", "--version"]

    with Path("/dev/full").open("w") as full:
        process = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)

    assert process.returncode == 2
    assert process.stderr == (
        "error: cannot write: No space left on device; free some space and try again\n"
    )


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EISDIR, errno.ENOTDIR])
def test_path_that_the_system_refuses_is_an_error_of_one_line(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(number, "what it says", "/some/path")

    monkeypatch.setattr("orchestrator.cli.app.app", fail)

    with pytest.raises(SystemExit) as ending:
        main(["status"])

    assert ending.value.code == 2
    assert capsys.readouterr().err == (
        "error: no access to /some/path: what it says; name another path, or fix this one\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("submit", "missing argument 'SPEC' (see vss-orch submit --help)"),
        ("submit a --nothing", "no such option: --nothing"),
        ("sub", "no such command 'sub'. Did you mean 'submit'? (see vss-orch --help)"),
        ("plan a --look b", "invalid value for '--look'"),
        ("report --from", "option '--from' requires an argument"),
        ("plan a --verbose", "--verbose goes before the command: vss-orch --verbose plan"),
        (
            "data check camvid --verbose",
            "--verbose goes before the command: vss-orch --verbose data",
        ),
        ("ui --port 99999999", "invalid value for '--port'"),
        ("submit a --in-process --address b:1", "--address cannot be combined with --in-process"),
    ],
)
def test_mistake_on_the_command_line_is_an_error_of_one_line(
    words: str, message: str, run: Any
) -> None:
    refused = run(*words.split())

    assert refused.code == 2
    assert refused.err.startswith(f"error: {message}")
    assert len(refused.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["logs", "cancel", "status"])
def test_name_that_is_not_utf_8_is_an_error_of_one_line(
    command: str, run: Any, prepared_home: None, settings: Settings
) -> None:
    Ledger(settings.ledger_url)

    refused = run(command, "\udcff")

    assert refused.code == 2
    assert_one_line(refused, "udcff'")


@pytest.mark.parametrize("words", [[], ["data"]])
def test_group_without_a_command_prints_its_help(words: list[str], run: Any) -> None:
    shown = run(*words)

    assert shown.code == 2
    assert "Commands" in shown.out
    assert shown.err == ""


def test_question_that_is_declined_ends_the_command(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.cli.app.app", lambda *_, **__: typer.confirm("?", abort=True))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    declined = run("delete", "study")

    assert declined.code == 1
    assert declined.err == "Aborted.\n"
