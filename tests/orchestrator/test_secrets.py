"""A whole study with planted passwords, which must be found nowhere afterwards."""

import base64
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from tests.conftest import TINY_SPEC, SpecWriter, free_port
from tests.processes import descendants

pytestmark = pytest.mark.slow

OF_LEDGER, OF_MLFLOW = "Geheim/1$planted", "Kuchen:2%planted"
BASIC = base64.b64encode(f"vss:{OF_MLFLOW}".encode()).decode()
FORMS = [OF_LEDGER, OF_MLFLOW, quote(OF_LEDGER, safe=""), quote(OF_MLFLOW, safe=""), BASIC]
SPEC = TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0]\nmeasure_latency: false")
TIMEOUT_SECONDS = 240.0


class _Guard(BaseHTTPRequestHandler):
    """A server that hands requests with the right password on to MLflow."""

    port = 0

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Basic {BASIC}" and self.path != "/health":
            self.send_error(401)
            return
        mlflow = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key != "Host"}
        mlflow.request(self.command, self.path, body, headers)
        answer = mlflow.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _hand_on

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def mlflow_server(empty_store: Path) -> Iterator[str]:
    """Start an MLflow server behind one that asks for a password, and return its address."""
    folder = Path(tempfile.mkdtemp(prefix="vss-mlflow-"))
    shutil.copy(empty_store, folder / "mlflow.db")
    _Guard.port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--serve-artifacts"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts"), "--port", str(_Guard.port)),
    ]
    variables = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=variables, stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    guard = ThreadingHTTPServer(("127.0.0.1", 0), _Guard)
    threading.Thread(target=guard.serve_forever, daemon=True).start()
    _wait_for(f"http://127.0.0.1:{_Guard.port}/health")
    yield f"127.0.0.1:{guard.server_port}"
    guard.shutdown()
    guard.server_close()
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    shutil.rmtree(folder)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        time.sleep(0.3)
    pytest.fail(f"{url} does not answer")


class Machine:
    """A home, a folder of Ray, and the environment of a user who writes passwords in addresses."""

    def __init__(self, home: Path, ledger_url: str, mlflow: str) -> None:
        self.home = home
        self.ledger_url = ledger_url
        self.ray = Path(
            tempfile.mkdtemp(prefix="vr")
        )  # short: the paths of its sockets are limited
        self.output = ""
        self.leaks: set[str] = set()
        login, host = ledger_url.split("@")
        self._environment = {
            **os.environ,
            "RAY_TMPDIR": str(self.ray),
            "VSS_LEDGER_URL": f"{login}:{quote(OF_LEDGER, safe='')}@{host}",
            "MLFLOW_TRACKING_URI": f"http://vss:{quote(OF_MLFLOW, safe='')}@{mlflow}",
        }

    def run(self, *words: object) -> int:
        """Run a command to its end, and look at the arguments of all processes meanwhile."""
        with (self.home.parent / "output").open("w+") as file:
            command = subprocess.Popen(
                [sys.executable, "-m", "orchestrator.cli.app", *map(str, words)],
                env=self._environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while command.poll() is None and time.monotonic() < deadline:
                self.leaks |= set(_processes_that_show(FORMS))
                time.sleep(0.3)
            for pid in descendants(command.pid) if command.poll() is None else ():
                os.kill(pid, signal.SIGKILL)
            command.kill()
            file.seek(0)
            self.output += file.read()
        return command.wait()


def _processes_that_show(secrets: Sequence[str]) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if any(secret in arguments for secret in secrets):
                yield arguments


def _files_with(secrets: Sequence[str], folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [
        file for file in files if any(secret.encode() in file.read_bytes() for secret in secrets)
    ]


def _rows(url: str) -> str:
    """Return all that the ledger has stored, as text."""
    engine = sa.create_engine(url)
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.connect() as db:
        return str([db.execute(sa.select(t)).all() for t in tables.sorted_tables])


@pytest.fixture
def machine(
    tmp_path: Path, postgres_server: str, mlflow_server: str, synthetic_cache: Path
) -> Iterator[Machine]:
    name = f"planted_{os.urandom(4).hex()}"
    with sa.create_engine(
        f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT"
    ).connect() as db:
        db.execute(sa.text(f"CREATE DATABASE {name}"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "cache").symlink_to(synthetic_cache)
    machine = Machine(tmp_path / "home", f"{postgres_server}/{name}", mlflow_server)
    yield machine
    machine.run("dashboard", "--stop")
    shutil.rmtree(machine.ray, ignore_errors=True)


@pytest.mark.parametrize("option", [None, "--detach"])
def test_planted_password_is_found_nowhere_after_a_study(
    option: str | None, machine: Machine, write_spec: SpecWriter
) -> None:
    spec = write_spec(SPEC)

    code = machine.run("submit", spec, *([option] if option else []))
    if option:
        code = code or machine.run("watch", "tiny")
    machine.run("status", "tiny", "--json")
    machine.run("doctor")

    assert code == 0, machine.output
    assert (machine.home / "reports" / "tiny" / "report.html").exists()
    assert machine.leaks == set()
    assert [form for form in FORMS if form in machine.output + _rows(machine.ledger_url)] == []
    assert any(machine.ray.rglob("raylet.out")), "Ray's folder is somewhere else"
    assert _files_with(FORMS, machine.home) + _files_with(FORMS, machine.ray) == []
    mlflow = next(Path(tempfile.gettempdir()).glob("vss-mlflow-*"))
    assert _files_with(FORMS, mlflow) == []
