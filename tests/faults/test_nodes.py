"""The networks of two nodes: one link can be cut and healed."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.nodes import SECOND, Nodes, explain_missing_means

_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)"
_REASON = explain_missing_means()


@pytest.mark.slow
@pytest.mark.skipif(_REASON is not None, reason=str(_REASON))
def test_second_node_reaches_this_machine_unless_its_link_is_cut(tmp_path: Path) -> None:
    with Nodes(tmp_path, tmp_path) as nodes, socket.create_server((nodes.home_address, 0)) as here:
        port = str(here.getsockname()[1])
        connect = [sys.executable, "-c", _CONNECT, nodes.home_address, port]

        def is_reached() -> bool:
            command = nodes.command(SECOND, connect)
            return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0

        _wait_until(is_reached)
        nodes.cut()
        assert not is_reached()
        nodes.heal()
        _wait_until(is_reached)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
