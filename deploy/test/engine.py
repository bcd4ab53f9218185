"""A Docker Engine for the test: the one that answers, or one that is started for it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.test.packages import install

_BRIDGE = "docker0"
# Only against hanging.
START_SECONDS = 300.0
STOP_SECONDS = 300.0


@contextmanager
def running_engine(folder: Path) -> Iterator[None]:
    """Make `docker` reach an engine while the block runs, and stop it afterwards if it is ours.

    Args:
        folder: a folder for the images and containers of our own engine.
    """
    if _answers():
        yield
        return
    install("compose")
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "docker.sock"
    had_bridge, forwards = _has_bridge(), _forwards()
    command = [
        *("dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "run")),
        *("--host", f"unix://{socket}", "--pidfile", str(folder / "pid"), "--log-level", "warn"),
    ]
    with (folder / "dockerd.log").open("w") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    variables = dict(os.environ)
    os.environ["DOCKER_HOST"] = f"unix://{socket}"
    _build_by_buildkit()
    try:
        _wait_until_it_answers(engine, folder)
        yield
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(STOP_SECONDS)
        os.environ.clear()
        os.environ.update(variables)
        if not had_bridge and _has_bridge():
            subprocess.run(["ip", "link", "delete", _BRIDGE], check=True)
        if forwards and not _forwards():  # other tests join networks by a bridge
            subprocess.run(["iptables", "--policy", "FORWARD", "ACCEPT"], check=True)


def _has_bridge() -> bool:
    return Path("/sys/class/net", _BRIDGE).exists()


def _forwards() -> bool:
    """Return whether this machine forwards packets that no rule is about."""
    rules = subprocess.run(["iptables", "--list-rules", "FORWARD"], capture_output=True, text=True)
    return rules.stdout.startswith("-P FORWARD ACCEPT")


def _build_by_buildkit() -> None:
    """Build by BuildKit, which does not copy a layer of 7 GB to store it.

    The client of Debian's package does so without a plug-in, unlike newer ones.
    """
    os.environ["PATH"] = f"/usr/bin:{os.environ['PATH']}"
    os.environ["DOCKER_BUILDKIT"] = "1"
    os.environ["COMPOSE_DOCKER_CLI_BUILD"] = "1"  # of Compose 1.29


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


def _wait_until_it_answers(engine: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers():
        if engine.poll() is not None or time.monotonic() > deadline:
            last = ((folder / "dockerd.log").read_text().splitlines() or ["it printed nothing"])[-1]
            raise SystemExit(f"the Docker Engine did not start: {last}")
        time.sleep(1)
