"""The command line as a whole: its help, and its exit code for user errors."""

from typing import Any

import pytest

from tests.orchestrator.conftest import assert_one_line


def test_help_names_every_command(run: Any) -> None:
    result = run("--help")

    assert result.code == 0
    for command in ("plan", "submit", "status", "report", "names", "schema", "ui", "dashboard"):
        assert f" {command} " in result.out


def test_unknown_command_and_option_exit_2(run: Any) -> None:
    assert run("sumbit").code == 2
    assert run("plan", "x.yaml", "--jsn").code == 2


@pytest.mark.parametrize("command", [["status"], ["report"], ["ui"]])
def test_unknown_experiment_is_named(run: Any, command: list[str], prepared_home: None) -> None:
    result = run(*command, "nothing")

    assert result.code == 2
    assert_one_line(result, "'nothing'")


def test_unreachable_database_is_named_without_its_password(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql+psycopg://someone:secret@127.0.0.1:1/x")

    result = run("status")

    assert result.code == 2
    assert_one_line(result, "VSS_LEDGER_URL")
    assert "secret" not in result.err
