"""A job that takes a second, a function that runs commands, and a PostgreSQL server."""

import dataclasses
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.app import main
from orchestrator.execution.job import Job, SlotSize, Tracking
from orchestrator.settings import Settings
from tests.conftest import free_port, tiny
from vss.data.dataset import load_dataset
from vss.profiling.latency import measure_latency
from vss.training.inputs import TrialInputs


@pytest.fixture(autouse=True)
def _quick_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure latency in 2 rounds of 1 run, not 10 rounds of 7: no test checks the times."""
    monkeypatch.setattr(measure_latency, "__defaults__", (None, None, 2, 1, None))


@pytest.fixture
def job(settings: Settings, synthetic_cache: Path) -> Job:
    """Return the first attempt at a trial that takes a second, not tracked in MLflow."""
    settings.storage.folder.mkdir(parents=True)
    config = tiny()
    fingerprint = load_dataset(config, None).fingerprint
    inputs = TrialInputs(config, Path(), synthetic_cache, data_fingerprint=fingerprint, attempt=1)
    return Job(inputs, SlotSize(1.0, 0.0), settings.storage)


def with_inputs(job: Job, **changes: Any) -> Job:
    """Return the same job with different inputs."""
    return dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, **changes))


def tracked(job: Job, uri: str, settings: Settings) -> Job:
    """Return the same job, tracked in MLflow."""
    tracking = Tracking(uri, settings.artifacts, None, "a, seed 0", {"experiment/study": "a"})
    return dataclasses.replace(job, tracking=tracking)


class Run:
    """The exit code and the output of a command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A terminal on which the user has typed answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("COLUMNS", "150")

    def command(*arguments: object) -> Run:
        with pytest.raises(SystemExit) as exit_info:
            main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return Run(int(exit_info.value.code or 0), output.out, output.err)

    return command


@pytest.fixture
def prepared_home(tracker: object, settings: Settings, synthetic_cache: Path) -> None:
    """Put a tracking store and rendered frames into VSS_HOME, so that a submit takes a second."""
    settings.cache.symlink_to(synthetic_cache)


def assert_one_line(run: Run, pattern: str) -> None:
    assert run.err.startswith("error: ")
    assert len(run.err.splitlines()) == 1, run.err
    assert re.search(pattern, run.err), run.err


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the write lock of an SQLite file."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


class PostgresServer:
    """A PostgreSQL server, whose programs must be installed.

    Args:
        host: the address of this machine that it listens on.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        installed = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), reverse=True)
        initdb_path = shutil.which("initdb") or next(iter(installed), None)
        if initdb_path is None:
            pytest.skip("needs the programs of a PostgreSQL server (Debian: postgresql)")
        programs = Path(initdb_path).resolve().parent
        # Not in pytest's folder, as another pytest run makes that inaccessible to other users.
        self.folder = Path(tempfile.mkdtemp(prefix="vss-postgres-"))
        # PostgreSQL refuses to run as root.
        self._user: dict[str, Any] = {"user": "nobody", "cwd": "/"} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(self.folder, "nobody")
        port, data = free_port(), self.folder / "data"
        options = f"-p {port} -k {self.folder} -c listen_addresses={host} -c fsync=off"
        log = ["-w", "-l", self.folder / "log", "-o", options]
        self._server = [programs / "pg_ctl", "-D", data, *log]
        self.url = f"postgresql+psycopg://tests@{host}:{port}"
        self._run([programs / "initdb", "-D", data, "-U", "tests", "-A", "trust", "--no-sync"])
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")

    def start(self) -> None:
        self._run([*self._server, "start"])

    def stop(self) -> None:
        self._run([*self._server, "-m", "immediate", "stop"])

    def _run(self, command: list[Any]) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._user)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL server for the tests."""
    server = PostgresServer()
    server.start()
    yield server.url
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server that the test may stop and start again."""
    server = PostgresServer()
    server.start()
    yield server
    with suppress(subprocess.CalledProcessError):  # it may be stopped already
        server.stop()
    shutil.rmtree(server.folder)
