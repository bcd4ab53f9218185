"""The stack of docker-compose.yml in a checkout of its own, with ports that are free."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WORKER = "ray-worker-cpu"
_PROJECT = "vss-compose-test"

Trial = dict[str, Any]  # as `vss-orch status --json` describes it


class Stack:
    """A copy of this repository, and the containers that its Compose file describes.

    Args:
        folder: the folder of the copy, which must not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copy_repository(folder)
        subprocess.run([folder / "deploy" / "prepare.sh"], check=True, stdout=subprocess.DEVNULL)
        self.variables = self._choose_settings()
        self._compose_command = _find_compose()

    def compose(self, *arguments: str) -> str:
        """Run Compose and return what it prints."""
        return _run([*self._compose_command, *arguments], self.folder, dict(os.environ))

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, also of those that have stopped."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def docker(self, *arguments: str) -> str:
        """Run docker and return what it prints."""
        return _run(["docker", *arguments], self.folder, dict(os.environ))

    def vss_orch(self, *arguments: str) -> str:
        """Run vss-orch on this machine, as a user of the stack would."""
        environment = {**os.environ, **self.variables, "VSS_HOME": str(self.folder / "home")}
        command = [sys.executable, "-m", "orchestrator.cli.app", *arguments]
        return _run(command, self.folder, environment)

    def trials(self, experiment: str) -> list[Trial]:
        """Return the trials of an experiment as `vss-orch status` knows them."""
        status: dict[str, Any] = json.loads(self.vss_orch("status", experiment, "--json"))
        trials: list[Trial] = status["trials"]
        return trials

    def secret(self, name: str) -> str:
        """Return a secret of the stack."""
        return (self.folder / "deploy" / "secrets" / name).read_text()

    @property
    def network(self) -> str:
        """The network that joins the containers."""
        return f"{_PROJECT}_default"

    def _choose_settings(self) -> dict[str, str]:
        """Change .env as a user might, and return its variables."""
        file = self.folder / ".env"
        text = file.read_text()
        for port in ("5432", "5000", "8265"):
            text = text.replace(port, str(_free_port()))
        variables = dict(
            line.split("=", 1) for line in text.splitlines() if line and line[0] != "#"
        )
        variables |= {
            "COMPOSE_PROJECT_NAME": _PROJECT,
            "COMPOSE_PROFILES": "cpu",
            "VSS_WORKER_CPUS": "1",
        }
        file.write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
        return variables


def copy_repository(folder: Path) -> None:
    """Copy all files that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def _find_compose() -> list[str]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if process.returncode != 0:
        output = process.stdout[-3000:] + process.stderr[-3000:]
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    return process.stdout
