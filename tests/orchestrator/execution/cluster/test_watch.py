"""The watch over Ray's processes, here over sockets."""

import socket
import time
from collections.abc import Iterator

import pytest

from orchestrator.execution.cluster import watch
from orchestrator.execution.cluster.watch import RayDiedError, Watch


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(watch, "_PROBE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def watch_over(server: socket.socket) -> Watch:
    return Watch({"Ray's head": f"127.0.0.1:{server.getsockname()[1]}"})


@pytest.mark.slow
def test_process_that_answers_is_alive(server: socket.socket) -> None:
    observer = watch_over(server)

    time.sleep(0.4)

    observer.check(is_suspicious=True)
    observer.stop()


@pytest.mark.slow
def test_process_that_has_died_is_named_with_a_remedy(server: socket.socket) -> None:
    observer = watch_over(server)
    server.close()

    with pytest.raises(RayDiedError, match=r"Ray's head has died .* run the same command again"):
        observer.check(is_suspicious=True)

    assert observer.has_failed
