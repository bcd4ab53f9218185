"""The local server of the MLflow UI."""

import sys
from pathlib import Path

import pytest

from orchestrator.tracking.ui_server import mlflow_server
from tests.conftest import free_port
from vss.errors import UserError


def test_server_that_exits_is_reported_with_its_last_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho starting\necho address already in use >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    with (
        pytest.raises(UserError, match="exited with code 3: address already in use"),
        mlflow_server("sqlite:///mlflow.db", free_port()),
    ):
        pytest.fail("the server never answers")
