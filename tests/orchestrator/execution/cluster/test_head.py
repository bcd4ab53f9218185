"""The persistent Ray head: how later submits find it."""

import json
import socket
from dataclasses import asdict
from pathlib import Path

import pytest

from orchestrator.execution.cluster.head import Head, find_running_head, head_file
from tests.conftest import free_port


def write_head(port: int) -> Head:
    head = Head(1, f"127.0.0.1:{port}", "http://127.0.0.1:8265")
    head_file().parent.mkdir(parents=True)
    head_file().write_text(json.dumps(asdict(head)))
    return head


def test_head_is_found_from_another_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        head = write_head(server.getsockname()[1])
        monkeypatch.setenv("VSS_HOME", str(tmp_path / "another home"))

        assert find_running_head() == head


def test_head_that_was_killed_is_forgotten() -> None:
    write_head(free_port())

    assert find_running_head() is None
    assert not head_file().exists()
