"""A Docker Engine for the test: the one that answers, or one that is started for it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("docker.io", "docker-compose", "debootstrap", "iptables")
START_SECONDS = 60.0
STOP_SECONDS = 60.0


def install() -> None:
    """Install what is missing from Debian's packages.

    Raises:
        SystemExit: if this is not Debian, or the user is not root.
    """
    if all(shutil.which(program) for program in ("dockerd", "docker-compose", "debootstrap")):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(
            "compose-test needs Docker and Compose; without them, run it as root on Debian, where "
            f"it installs {', '.join(PACKAGES)}"
        )
    apt = ["apt-get", "-qq", "--yes", "--no-install-recommends"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-qq", "update"], check=True)
    subprocess.run(
        [*apt, "install", *PACKAGES], check=True, env=environment, stdout=subprocess.DEVNULL
    )


@contextmanager
def running_engine(folder: Path) -> Iterator[None]:
    """Make `docker` reach an engine while the block runs, and stop it afterwards if it is ours.

    Args:
        folder: a folder for the images and containers of our own engine.
    """
    if _answers():
        yield
        return
    install()
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "docker.sock"
    command = [
        *("dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "run")),
        *("--host", f"unix://{socket}", "--pidfile", str(folder / "pid"), "--log-level", "warn"),
    ]
    with (folder / "dockerd.log").open("w") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    os.environ["DOCKER_HOST"] = f"unix://{socket}"
    try:
        _wait_until_it_answers(engine, folder)
        yield
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(STOP_SECONDS)
        del os.environ["DOCKER_HOST"]


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
