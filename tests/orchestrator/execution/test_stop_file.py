"""The stop file."""

import os
import signal
from pathlib import Path

import pytest

from orchestrator.execution.stop_file import new_stop_file, stop_on_signal


@pytest.mark.parametrize(
    ("keeps_checkpoints", "message"),
    [
        (True, "stopping: trials save a checkpoint; rerun the same command to resume"),
        (False, "stopping after the current step"),
    ],
)
def test_checkpoints_are_promised_only_where_they_are_kept(
    keeps_checkpoints: bool, message: str, tmp_path: Path
) -> None:
    lines: list[str] = []
    stop_file = new_stop_file(tmp_path)

    with stop_on_signal(stop_file, lines.append, keeps_checkpoints) as should_stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop()

    assert lines == [message]
    assert not stop_file.exists()
