"""Messages to the addresses in VSS_NOTIFY, here to an HTTP server on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from orchestrator.execution.notifications.channel import Channel
from tests.conftest import free_port
from vss.errors import UserError


class Inbox(HTTPServer):
    """A server that keeps the messages that it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, Any]] = []

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Inbox)
        self.server.messages.append(json.loads(content))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.slow
def test_message_is_sent_to_every_address(inbox: Inbox) -> None:
    lines: list[str] = []
    channel = Channel(f"{inbox.address},{inbox.address}second", lines.append)

    channel.send("study: finished", "12 trials")
    channel.close()

    assert [(m["title"], m["message"]) for m in inbox.messages] == [
        ("study: finished", "12 trials")
    ] * 2
    assert lines == []


@pytest.mark.slow
def test_message_that_cannot_be_sent_costs_a_line_without_passwords(inbox: Inbox) -> None:
    lines: list[str] = []
    dead = f"json://me:secret@127.0.0.1:{free_port()}/"
    channel = Channel(f"{dead},{inbox.address}", lines.append)

    channel.send("study: finished", "12 trials")
    channel.close()

    (line,) = lines
    assert line.startswith("could not send a notification to json://me:****@127.0.0.1")
    assert "secret" not in line
    assert len(inbox.messages) == 1


@pytest.mark.parametrize("addresses", ["nonsense://secret", "secret", ","])
def test_address_that_means_nothing_is_refused_at_once(addresses: str) -> None:
    with pytest.raises(UserError, match="VSS_NOTIFY") as error:
        Channel(addresses, print)

    assert "secret" not in str(error.value)
