"""The local server of the MLflow UI."""

import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.tracking.ui_server import find_free_port, mlflow_server
from tests.conftest import free_port
from vss.errors import UserError


def write_program(path: Path, commands: str) -> str:
    """Write a program that stands in for Python; return its path."""
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.slow
def test_server_that_exits_is_reported_with_its_last_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands = "echo starting\necho address already in use >&2\nexit 3"
    monkeypatch.setattr(sys, "executable", write_program(tmp_path / "python", commands))

    with (
        pytest.raises(UserError, match="exited with code 3: address already in use"),
        mlflow_server("sqlite:///mlflow.db", free_port()),
    ):
        pytest.fail("the server never answers")


@pytest.mark.slow
def test_server_takes_no_module_from_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A user's tty.py or select.py would be imported instead of Python's."""
    program = write_program(tmp_path / "python", "echo safe path: $PYTHONSAFEPATH; exit 3")
    monkeypatch.setattr(sys, "executable", program)

    with (
        pytest.raises(UserError, match="safe path: 1"),
        mlflow_server("sqlite:///mlflow.db", free_port()),
    ):
        pytest.fail("the server never answers")


def test_port_that_browsers_refuse_to_open_is_not_chosen() -> None:
    assert find_free_port(5060) > 5061


def test_there_is_no_port_above_the_last_one() -> None:
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it
            taken.bind(("127.0.0.1", 65_535))

        with pytest.raises(UserError, match="no free port from 65535 to 65535"):
            find_free_port(65_535)
