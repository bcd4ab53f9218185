"""Look-ups of host names, and what happens where no name server answers."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator import host_names
from orchestrator.execution.cluster.jobs import Jobs
from orchestrator.execution.cluster.protection import check_host
from orchestrator.host_names import look_up
from orchestrator.ledger.database import open_database
from orchestrator.ledger.probe import probe_ledger
from orchestrator.settings import Settings
from orchestrator.tracking import store
from vss.errors import UserError

_SILENCE = "no name server has answered for 'nowhere' within 0.01 s"


@pytest.fixture
def _silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let look-ups wait for an answer that comes at the end of the test."""
    answer = threading.Event()

    def wait(*_: Any, **__: Any) -> Any:
        answer.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    monkeypatch.setattr(host_names, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(host_names, "_look_ups", {})
    yield
    answer.set()


@pytest.mark.parametrize("host", [None, "", "localhost", "127.0.0.1", "::1", "[::1]", "/run/pg"])
def test_known_hosts_and_addresses_are_accepted(host: str | None) -> None:
    look_up(host)


@pytest.mark.usefixtures("_silent_name_server")
def test_addresses_need_no_name_server() -> None:
    look_up("10.1.2.3")


def test_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    with pytest.raises(OSError, match=r"'nowhere' cannot be resolved: Name or service not known"):
        look_up("nowhere")


def test_impossible_name_is_refused() -> None:
    with pytest.raises(OSError, match=r"'a\.\.b' cannot be resolved"):
        look_up("a..b")


@pytest.mark.usefixtures("_silent_name_server")
def test_silent_name_server_is_given_up_and_not_asked_again() -> None:
    for _ in range(2):
        with pytest.raises(TimeoutError, match=_SILENCE):
            look_up("nowhere")

    assert len(host_names._look_ups) == 1


@pytest.mark.usefixtures("_silent_name_server")
@pytest.mark.parametrize("open_", [open_database, probe_ledger])
def test_ledger_behind_a_silent_name_server_ends_in_one_line(open_: Any) -> None:
    with pytest.raises(UserError, match=rf"ledger at \S+: {_SILENCE}; check VSS_LEDGER_URL"):
        open_("postgresql+psycopg://vss@nowhere/ledger")


@pytest.mark.usefixtures("_silent_name_server")
def test_mlflow_behind_a_silent_name_server_is_given_up() -> None:
    with pytest.raises(TimeoutError, match=_SILENCE):
        store.check_connection("http://nowhere:5000")


@pytest.mark.usefixtures("_silent_name_server")
@pytest.mark.parametrize("address", ["nowhere:6379", "http://nowhere:8265"])
@pytest.mark.parametrize("reach", [check_host, Jobs])
def test_ray_behind_a_silent_name_server_ends_in_one_line(
    reach: Any, address: str, settings: Settings
) -> None:
    with pytest.raises(UserError, match=rf"at '{address}': {_SILENCE}; check --address"):
        reach(address)
