"""Commands for supporting services."""

import re
from typing import Any

import pytest

from orchestrator.health import doctor
from tests.orchestrator.conftest import assert_one_line


def test_unreachable_tracking_server_is_named_without_its_password(
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://someone:secret@127.0.0.1:1/x")

    result = run("ui")

    assert result.code == 2
    assert_one_line(result, "reach MLflow at postgresql://someone:.*@127.0.0.1:1/x: Connection ref")
    assert "secret" not in result.err


def test_doctor_prints_a_table_and_exits_1_with_a_problem(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSS_STORAGE", "/proc/nowhere")

    table = run("doctor")
    findings = run("doctor", "--json").json["findings"]

    assert table.code == 1
    assert "cannot write to /proc/nowhere" in table.out
    assert "→ set VSS_STORAGE to a folder that you may write to" in table.out
    assert re.fullmatch(r"[1-9] problems?, \d warnings?", table.out.splitlines()[-1])
    (storage,) = [finding for finding in findings if finding["subject"] == "storage"]
    assert storage["level"] == "problem"


def test_doctor_exits_0_without_a_problem(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for check in ("check_memory", "check_disk"):  # the machine that runs the tests may be full
        monkeypatch.setattr(doctor, check, lambda *_: [])

    result = run("doctor")

    assert result.code == 0
    assert result.out.splitlines()[-1].startswith("0 problems, ")
