"""The connection to a real Ray instance on this machine."""

import os
from pathlib import Path

import pytest

from orchestrator.execution.cluster import connection as connection_module
from orchestrator.execution.cluster.connection import Connection, connect, explain
from tests.processes import descendants
from vss.errors import UserError

slow = pytest.mark.slow


@slow
def test_token_is_readable_only_by_its_owner(connection: Connection) -> None:
    assert (Path.home() / ".ray" / "auth_token").stat().st_mode & 0o077 == 0


@slow
def test_ray_listens_on_loopback_only(connection: Connection) -> None:
    """From /proc/net/tcp: ports that our Ray's processes listen on, and at which address."""
    ours = {
        str(link.readlink())
        for pid in descendants(os.getpid())
        for link in Path(f"/proc/{pid}/fd").glob("*")
        if link.is_symlink()
    }
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [line.split() for line in lines if line.split()[3] == "0A"]
    addresses = {fields[1] for fields in listening if f"socket:[{fields[9]}]" in ours}

    assert addresses
    assert all(address.startswith("0100007F:") for address in addresses), addresses


@pytest.mark.slow
def test_dead_address_is_reported_at_once() -> None:
    with pytest.raises(UserError, match=r"no Ray cluster answers at '127\.0\.0\.1:9'"):
        connect("127.0.0.1:9")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ray://head:10001", "give http://head:8265, the cluster's dashboard, or .*head:6379"),
        ("http://head:8265", "takes whole submits only: on one of its nodes, give head:6379"),
    ],
)
def test_address_of_another_protocol_is_refused_in_one_line(address: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"'{address}' is .*{message}"):
        connect(address)


def test_log_that_ray_quotes_is_named() -> None:
    error = RuntimeError("The last 20 lines of /tmp/ray/dashboard.log (it contains ...):\nbusy")

    assert explain(error) == "/tmp/ray/dashboard.log says why; if the machine is busy, try again"
    assert explain(ValueError("no\nroom")) == "no"
    assert explain(TimeoutError()) == "TimeoutError"


def test_ray_imported_too_early_is_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable in its environment, Ray would take the machine's address."""
    closed: list[bool] = []
    monkeypatch.setattr(connection_module, "disconnect", lambda watch: closed.append(True))

    with pytest.raises(RuntimeError, match=r"Ray would listen on 10\.0\.0\.2, not on loopback"):
        connection_module._check_loopback("10.0.0.2")

    assert closed == [True]
