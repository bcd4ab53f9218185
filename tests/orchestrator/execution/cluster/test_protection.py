"""Clusters with and without a token."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from orchestrator.execution.cluster import protection
from orchestrator.execution.cluster.protection import (
    check_nodes_protected,
    check_protected,
    is_loopback,
    is_open,
    prepare_token,
)
from tests.conftest import free_port
from tests.orchestrator.health.conftest import serve_pages
from vss.errors import UserError

StartHead = Callable[[bool], str]


class _Head(grpc.GenericRpcHandler):
    """The process of a cluster that Ray's clients call first."""

    def __init__(self, asks_for_token: bool) -> None:
        self._asks_for_token = asks_for_token

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if self._asks_for_token:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def start_head() -> Iterator[StartHead]:
    servers = []

    def start(asks_for_token: bool) -> str:
        server = grpc.server(ThreadPoolExecutor(1))
        server.add_generic_rpc_handlers([_Head(asks_for_token)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None)


@pytest.fixture
def _on_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "is_loopback", lambda host: False)


@pytest.mark.usefixtures("_on_the_network")
def test_cluster_without_a_token_on_the_network_is_refused(start_head: StartHead) -> None:
    address = start_head(False)

    with pytest.raises(UserError, match=rf"'{address}' runs anybody's code: .* --insecure"):
        check_protected(address)


@pytest.mark.usefixtures("_on_the_network")
def test_cluster_with_a_token_is_accepted(start_head: StartHead) -> None:
    check_protected(start_head(True))


@pytest.mark.usefixtures("_on_the_network")
@pytest.mark.parametrize(("token", "is_refused"), [("", True), ("Bearer right", False)])
def test_dashboard_is_asked_without_a_token(token: str, is_refused: bool) -> None:
    with serve_pages({"/api/version": (200, "{}")}, token) as address:
        assert is_open(address) is is_refused


def test_cluster_on_loopback_needs_no_token(start_head: StartHead) -> None:
    check_protected(start_head(False))


def test_cluster_found_on_loopback_is_refused_if_a_node_is_on_the_network(
    start_head: StartHead,
) -> None:
    address = start_head(False)

    check_nodes_protected(address, ["127.0.0.1"])
    with pytest.raises(UserError, match=r"as it listens on 10\.0\.0\.2"):
        check_nodes_protected(address, ["127.0.0.1", "10.0.0.2"])


@pytest.mark.parametrize("address", ["auto", "local", "http://["])
def test_address_without_a_host_is_left_to_the_connection(address: str) -> None:
    check_protected(address)


@pytest.mark.usefixtures("_on_the_network")
def test_dead_cluster_is_not_called_open() -> None:
    port = free_port()

    assert not is_open(f"127.0.0.1:{port}")
    assert not is_open(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("10.1.2.3", False)],
)
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.fixture
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_own_home")
def test_new_token_was_never_readable_by_others(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        prepare_token()
    finally:
        os.umask(umask)

    file = tmp_path / ".ray" / "auth_token"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text()) == 64


@pytest.mark.usefixtures("_own_home")
def test_existing_token_is_kept_and_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text("mine")
    file.chmod(0o644)

    prepare_token()

    assert file.read_text() == "mine"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("_own_home")
def test_ray_without_a_token_on_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")

    with pytest.raises(UserError, match="RAY_AUTH_MODE=disabled lets every user of this machine"):
        prepare_token()
