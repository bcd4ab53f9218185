"""Two nodes of a Ray cluster on this machine, each in a network namespace of its own.

A bridge joins them and this machine. Needs root, Linux and iproute2.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

HEAD, SECOND = "head", "second"
_PORT = 6379
_MOST_STARTS = 4  # Ray itself gives up after half a minute, on a busy machine too early
# Ray takes a minute to declare a node dead; here, it takes 15 to 20 s.
_HEALTH = {
    "RAY_health_check_period_ms": "3000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "4",
}


def explain_missing_means() -> str | None:
    """Return what this machine lacks for networks of its own, or None."""
    if os.geteuid() != 0:
        return "needs root, for networks of its own"
    missing = [name for name in ("ip", "nsenter", "unshare") if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: iproute2, util-linux)"
    trial = subprocess.run(["unshare", "--net", "--mount", "true"], stderr=subprocess.DEVNULL)
    return "may not make networks of its own" if trial.returncode else None


class Nodes:
    """A head and a second node, with one slot each.

    Args:
        folder: a folder for what Ray writes, with a short path.
        cache: the folder of decoded frames that all trials share.

    Attributes:
        address: address of the cluster.
        home_address: address of this machine, as both nodes see it.
        login: environment variables with which a submit may join the cluster.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._tag = f"vssf{os.getpid()}"
        network = f"10.81.{1 + os.getpid() % 254}"  # another campaign may run on this machine
        self._addresses = {HEAD: f"{network}.1", SECOND: f"{network}.2"}
        self.home_address = f"{network}.254"
        self.address = f"{self._addresses[HEAD]}:{_PORT}"
        self._mark = f"VSS_FAULTS_NODES={self._tag}"
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        self._cache = cache
        self._variables: Mapping[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._join_networks(stack)
            stack.callback(self.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def command(self, host: str, command: Sequence[str]) -> list[str]:
        """Return the command that runs another one in the network of a node."""
        return ["nsenter", f"--net=/run/netns/{self._tag}-{host}", *command]

    def prepare(self, variables: Mapping[str, str]) -> None:
        """Start what does not run; start all of it again if it is to have other variables.

        Args:
            variables: environment variables of Ray's processes.
        """
        self.heal()
        head_is_whole = self._runs(HEAD, "gcs_server") and self._runs(HEAD, "raylet/raylet")
        if variables != self._variables or not head_is_whole:
            self.stop()
        self._variables = variables
        for host in (HEAD, SECOND):
            if not self._runs(host, "raylet/raylet"):
                self._kill_all(host)
                self._start(host)

    def stop(self) -> None:
        """Kill both nodes."""
        for host in (SECOND, HEAD):
            self._kill_all(host)

    def processes(self, host: str) -> dict[int, str]:
        """Return the processes of a node: process id -> command line."""
        return find_processes(f"{self._mark}-{host}")

    def trial_processes(self) -> dict[int, str]:
        """Return the processes that belong to a study, not to Ray."""
        lines = {**self.processes(HEAD), **self.processes(SECOND)}
        return {
            pid: line
            for pid, line in lines.items()
            if line.startswith("ray::") and not line.startswith("ray::IDLE") and "Agent" not in line
        }

    def cut(self) -> None:
        """Cut the link of the second node."""
        _ip(f"-n {self._tag}-hub link set {SECOND} down")

    def heal(self) -> None:
        """Join the second node again."""
        _ip(f"-n {self._tag}-hub link set {SECOND} up")

    def count_lost_messages(self) -> int:
        """Return how many messages Ray says it has lost on purpose, in all sessions."""
        logs = (self._folder / "ray").glob("session_2*/logs/*.log")
        return sum(log.read_bytes().count(b"Inject RPC re") for log in logs if log.is_file())

    def _start(self, host: str) -> None:
        own = ["--head", f"--port={_PORT}", "--include-dashboard=false"]
        own += [f"--temp-dir={self._folder / 'ray'}"]
        if host != HEAD:
            own = [f"--address={self.address}"]
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", *own),
            *(f"--node-ip-address={self._addresses[host]}", "--num-cpus=1", "--num-gpus=0"),
            *("--disable-usage-stats", "--object-store-memory=100000000"),
        ]
        name, _, value = self._mark.partition("=")
        variables = {name: f"{value}-{host}", "VSS_CACHE": str(self._cache), **_HEALTH}
        for _ in range(_MOST_STARTS):
            start = subprocess.run(
                self.command(host, command),
                env={**os.environ, **self.login, **variables, **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if start.returncode == 0:
                return
            self._kill_all(host)
        raise RuntimeError(f"Ray does not start: {start.stdout[-2000:]}")

    def _runs(self, host: str, program: str) -> bool:
        return any(program in line for line in self.processes(host).values())

    def _kill_all(self, host: str) -> None:
        while pids := list(self.processes(host)):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)

    def _join_networks(self, stack: ExitStack) -> None:
        hub = f"{self._tag}-hub"
        for name in (hub, *(f"{self._tag}-{host}" for host in self._addresses)):
            _ip(f"netns add {name}")
            stack.callback(_ip, f"netns delete {name}")
        _ip(f"-n {hub} link add bridge type bridge")
        _ip(f"-n {hub} link set bridge up")
        for host, address in self._addresses.items():
            node = f"{self._tag}-{host}"
            _ip(f"-n {hub} link add {host} type veth peer name eth0 netns {node}")
            _ip(f"-n {node} addr add {address}/24 dev eth0")
            _ip(f"-n {node} link set eth0 up")
            _ip(f"-n {node} link set lo up")
        _ip(f"link add {self._tag} type veth peer name home netns {hub}")
        _ip(f"addr add {self.home_address}/24 dev {self._tag}")
        _ip(f"link set {self._tag} up")
        for port in ("home", *self._addresses):
            _ip(f"-n {hub} link set {port} master bridge up")


def find_processes(variable: str) -> dict[int, str]:
    """Return the processes that have a variable in their environment: id -> command line.

    Args:
        variable: name and value, as "NAME=value".
    """
    mark = f"{variable}\0".encode()
    commands: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes():
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if line:
                    commands[int(folder.name)] = line.strip()
    return commands


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)
