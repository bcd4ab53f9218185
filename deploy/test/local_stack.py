"""The services of docker-compose.yml as local processes: their commands, read from the file.

Each one has a network, a process list and a root directory of its own, as a container has, but no
image: below it lies the root directory of this machine, which stays unchanged. Needs root, Linux
and the programs of a PostgreSQL server.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from deploy.test.stack import ROOT, copy_repository

_VENV = Path(sys.prefix)
_HUB = "vss-stack"  # the network that joins the others
_ADDRESS = "10.79.0.{}"
_ENTRYPOINT = "/usr/local/bin/entrypoint.sh"
_USER = 1000
_VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


class LocalStack:
    """The services of a copy of this repository.

    Args:
        folder: the folder of the copy and of all volumes, which must not exist.
        hosts: the names of the machines: a service, or a service with a number at its end.
    """

    def __init__(self, folder: Path, hosts: Sequence[str]) -> None:
        self._folder = folder
        self._copy = folder / "checkout"
        copy_repository(self._copy)
        subprocess.run([self._copy / "deploy/prepare.sh"], check=True, stdout=subprocess.DEVNULL)
        lines = (self._copy / ".env").read_text().splitlines()
        self._variables = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
        self._variables["VSS_WORKER_CPUS"] = "1"
        content = YAML(typ="safe").load(self._copy / "docker-compose.yml")
        self._services: dict[str, dict[str, Any]] = content["services"]
        self._secrets: dict[str, dict[str, str]] = content["secrets"]
        self._hosts = hosts
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "LocalStack":
        with ExitStack() as stack:
            stack.enter_context(_joined_networks(self._hosts))
            stack.callback(self._end_all)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start(self, host: str) -> None:
        """Start the service of a host."""
        command = self._command(host, self._service(host).get("command", ["postgres"]), {})
        with (self._folder / f"{host}.log").open("ab") as log:
            self._processes[host] = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, host: str) -> None:
        """Kill all processes of a host."""
        process = self._processes.pop(host)
        # The first process of a namespace takes the others with it. It does not end with its
        # parent, as `--kill-child` asks for: it has become another user.
        if (first := _child(process.pid)) is not None:
            os.kill(first, signal.SIGKILL)
        process.wait()

    def run(
        self, host: str, command: Sequence[str] | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command of a service, or another one in its place, to its end.

        Args:
            host: the host on which nothing else runs.
            command: the command; the service's own by default.
            variables: environment variables beyond those of the service.
        """
        arguments = self._command(host, command or self._service(host)["command"], variables)
        return subprocess.run(arguments, capture_output=True, text=True)

    def is_healthy(self, host: str) -> bool:
        """Return whether the health check of a host's service succeeds.

        Raises:
            RuntimeError: if the service has ended, with the end of its log.
        """
        process = self._processes[host]
        if process.poll() is not None:
            raise RuntimeError(f"{host} ended with {process.returncode}:\n{self.read_log(host)}")
        inner = _child(process.pid)
        if inner is None:
            return False
        kind, *check = self._service(host)["healthcheck"]["test"]
        assert kind == "CMD", kind
        words = [self._interpolate(word) for word in check]
        target = ["--target", str(inner), "--mount", "--net", "--pid", "--root", "--wd"]
        user = ["--setuid", str(_USER), "--setgid", str(_USER)]
        check_run = subprocess.run(
            ["nsenter", *target, *user, "--", *words], env=self._path(), capture_output=True
        )
        return check_run.returncode == 0

    def wait_until_healthy(self, *hosts: str, seconds: float = 120.0) -> None:
        """Wait until the services of these hosts are healthy.

        Raises:
            TimeoutError: naming a service that is not, with the end of its log.
        """
        deadline = time.monotonic() + seconds
        for host in hosts:
            while not self.is_healthy(host):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{host} is not healthy:\n{self.read_log(host)}")
                time.sleep(0.5)

    def read_log(self, host: str) -> str:
        """Return the end of what a host's service has printed."""
        return (self._folder / f"{host}.log").read_text()[-3000:]

    def volume(self, name: str) -> Path:
        """Return the folder of a volume."""
        folder = self._folder / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o1777)
        return folder

    def secret(self, name: str) -> str:
        """Return a secret of the stack."""
        return (self._copy / self._secrets[name]["file"]).read_text()

    def _service(self, host: str) -> dict[str, Any]:
        return self._services[host.rstrip("0123456789")]

    def _command(
        self, host: str, command: Sequence[str], variables: Mapping[str, str]
    ) -> list[str]:
        """Return the command that runs another one as the service of a host would."""
        service = self._service(host)
        words = [self._interpolate(word) for word in command]
        if service["image"].startswith("postgres:"):
            words = [_ENTRYPOINT, *words]
        environment = {**self._path(), **self._environment(service), **variables}
        settings = [f"{name}={value}" for name, value in environment.items()]
        root = self._folder / f"root-{host}"
        steps = [
            *self._build_root(host, root),
            f"hostname {host}",
            f"exec chroot --userspec={_USER}:{_USER} {root} env --ignore-environment "
            f"--chdir=/tmp {shlex.join(settings)} {shlex.join(words)}",
        ]
        return [
            *("nsenter", f"--net=/run/netns/{_HUB}-{host}", "unshare", "--mount", "--uts"),
            *("--pid", "--fork", "--kill-child", "sh", "-c", " && ".join(steps)),
        ]

    def _build_root(self, host: str, root: Path) -> Iterator[str]:
        """Yield the steps that lay out the root directory of a host."""
        upper, work = self._folder / f"upper-{host}", self._folder / f"work-{host}"
        for folder in (root, upper, work):
            folder.mkdir(exist_ok=True)
        layers = f"lowerdir=/,upperdir={upper},workdir={work}"
        yield f"mount -t overlay overlay -o {layers} {root}"
        yield f"mount --rbind /dev {root}/dev"
        yield f"mount -t tmpfs tmpfs {root}/dev/shm"
        yield f"mount -t proc proc {root}/proc"
        yield f"mount -t tmpfs -o mode=1777 tmpfs {root}/run"
        yield f"echo vss:x:{_USER}:{_USER}::/tmp:/bin/sh >>{root}/etc/passwd"
        for folder in Path(sys.base_prefix).parents[:-1]:
            yield f"chmod a+rx {root}{folder}"  # Python may be in the home of root
        for entry in self._service(host).get("tmpfs", ()):
            place, inside = entry.split(":")[0], f"chroot {root}"  # /var/run is a link
            yield f"{inside} mkdir -p {place}"
            yield f"{inside} mount -t tmpfs -o mode=1777 tmpfs {place}"
        for source, target in self._mounts(host):
            place = f"{root}{target}"
            if source.is_dir():
                yield f"mkdir -p {place}"
            else:
                yield f"mkdir -p {Path(place).parent} && touch {place}"
            yield f"mount --bind {source} {place}"

    def _mounts(self, host: str) -> Iterator[tuple[Path, str]]:
        service = self._service(host)
        yield self._write("hosts", self._describe_hosts()), "/etc/hosts"
        yield self._write("resolv.conf", ""), "/etc/resolv.conf"  # nobody answers from in there
        # A checkout may be in /tmp, which is private in there.
        yield ROOT, str(ROOT)
        yield _VENV, str(_VENV)
        yield self._copy / "deploy/mlflow-server.sh", "/usr/local/bin/mlflow-server"
        yield self._copy / "deploy/test/postgres/entrypoint.sh", _ENTRYPOINT
        for secret in service.get("secrets", ()):
            yield self._copy / self._secrets[secret]["file"], f"/run/secrets/{secret}"
        for volume in service["volumes"]:
            source, target = self._interpolate(volume).removesuffix(":ro").split(":")
            path = self._copy / source if source[0] in "./" else self.volume(source)
            yield path.resolve(), target

    def _environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        values = service.get("environment", {})
        return {
            name: self._interpolate(str(value))
            for name, value in values.items()
            if value is not None
        }

    def _path(self) -> dict[str, str]:
        """Return the variables that the images set."""
        servers = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
        folders = [str(_VENV / "bin"), *servers, "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"]
        return {
            "PATH": ":".join(folders), "HOME": "/tmp", "USER": "vss",
            "GIT_PYTHON_REFRESH": "quiet", "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8",
        }  # fmt: skip

    def _interpolate(self, text: str) -> str:
        return _VARIABLE.sub(lambda m: self._variables.get(m[1]) or m[2] or "", text)

    def _describe_hosts(self) -> str:
        lines = [f"{_ADDRESS.format(n + 1)} {host}" for n, host in enumerate(self._hosts)]
        return "127.0.0.1 localhost\n" + "\n".join(lines) + "\n"

    def _write(self, name: str, content: str) -> Path:
        file = self._folder / name
        file.write_text(content)
        return file

    def _end_all(self) -> None:
        for host in list(self._processes):
            self.kill(host)


@contextmanager
def _joined_networks(hosts: Sequence[str]) -> Iterator[None]:
    """Make a network namespace for each host, and one more with the bridge that joins them."""
    with ExitStack() as stack:
        for name in (_HUB, *(f"{_HUB}-{host}" for host in hosts)):
            _ip(f"netns add {name}")
            stack.callback(_ip, f"netns delete {name}")
        _ip(f"-n {_HUB} link add bridge type bridge")
        _ip(f"-n {_HUB} link set bridge up")
        for number, host in enumerate(hosts):
            namespace = f"{_HUB}-{host}"
            _ip(f"-n {_HUB} link add port{number} type veth peer name eth0 netns {namespace}")
            _ip(f"-n {_HUB} link set port{number} master bridge up")
            _ip(f"-n {namespace} addr add {_ADDRESS.format(number + 1)}/24 dev eth0")
            _ip(f"-n {namespace} link set eth0 up")
            _ip(f"-n {namespace} link set lo up")
            # Without a default route, Ray would take its machine to be 127.0.0.1.
            _ip(f"-n {namespace} route add default via {_ADDRESS.format(254)}")
        yield


def _child(pid: int) -> int | None:
    """Return the first process of the namespaces that a process has made."""
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None
    return None


def explain_missing_means() -> str | None:
    """Return what this machine lacks to run a local stack, or None."""
    if os.geteuid() != 0:
        return "needs root, for networks and root directories of its own"
    missing = [name for name in ("ip", "nsenter", "unshare") if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: iproute2, util-linux)"
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        return "needs the programs of a PostgreSQL server (Debian: postgresql)"
    return None


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)
