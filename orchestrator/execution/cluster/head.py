"""A persistent Ray head on this machine, used by later submits of the same user from any home.

`python -m orchestrator.execution.cluster.head FILE [--insecure]` is the head itself: it writes its
address into FILE and runs until it is terminated.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.execution.cluster.protection import prepare_token
from orchestrator.settings import Settings, make_folder, state_folder
from vss.errors import UserError

_START_SECONDS = 90.0
_STOP_SECONDS = 20.0
_INSECURE = "--insecure"


@dataclass(frozen=True)
class Head:
    """A running head.

    Attributes:
        pid: its process, which leads a process group.
        address: address by which submits join it.
        dashboard_url: address for a browser.
    """

    pid: int
    address: str
    dashboard_url: str


def find_running_head() -> Head | None:
    """Return the running head, or None if there is none."""
    file = head_file()
    if not file.exists():
        return None
    head = Head(**json.loads(file.read_text()))
    host, _, port = head.address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        with suppress(OSError):  # a folder that cannot be written
            file.unlink(missing_ok=True)  # it was killed and left its file
        return None
    return head


def choose_address(address: str | None, settings: Settings) -> str | None:
    """Return the address given, else RAY_ADDRESS, else that of the running head, else None."""
    if address or settings.ray_address:
        return address or settings.ray_address
    head = find_running_head()
    return head.address if head else None


def start(settings: Settings, is_insecure: bool = False) -> Head:
    """Start a head, or return the running one.

    Args:
        settings: the settings, whose home gets its log.
        is_insecure: whether it may do without a token.

    Raises:
        UserError: if it does not start, or would do without a token.
    """
    if (head := find_running_head()) is not None:
        return head
    if not is_insecure:
        prepare_token()
    log = make_folder(settings.home) / "ray-head.log"
    make_folder(head_file().parent)
    command = [sys.executable, "-P", "-m", "orchestrator.execution.cluster.head", str(head_file())]
    if is_insecure:
        command.append(_INSECURE)
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603  # our own module
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (head := find_running_head()) is not None:
            return head
        time.sleep(0.3)
    process.terminate()
    last = (log.read_text().strip().splitlines() or ["no output"])[-1]
    raise UserError(f"the Ray head did not start: {last}; its log is {log}")


def stop() -> bool:
    """Stop the running head; return False if there is none."""
    head = find_running_head()
    if head is None:
        return False
    os.kill(head.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if find_running_head() is None:
            return True
        time.sleep(0.2)
    os.killpg(head.pid, signal.SIGKILL)
    head_file().unlink(missing_ok=True)
    return True


def head_file() -> Path:
    """Return the file with the running head's address; machines may share the user's folder."""
    return state_folder() / f"ray-head-{socket.gethostname()}.json"


def _serve(file: Path, is_insecure: bool) -> None:
    from orchestrator.execution.cluster.connection import connect, disconnect

    stop_requested = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop_requested.set())
    connection = connect(None, is_insecure=is_insecure)
    head = Head(os.getpid(), connection.address, connection.dashboard_url or "")
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(head)))
    unfinished.replace(file)
    stop_requested.wait()
    file.unlink(missing_ok=True)
    disconnect(connection.watch)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), is_insecure=_INSECURE in sys.argv)
