"""Commands for supporting services."""

from typing import Any

import pytest

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
