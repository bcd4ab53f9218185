"""One round of real faults: its services, its study and the processes that run it."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC
from tests.orchestrator.conftest import PostgresServer
from tests.orchestrator.execution.waiting.test_mlflow_outage import Server
from tests.orchestrator.ledger.conftest import new_postgres_database

NAME = "tiny"
TRIALS = 8
_SPEC = TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0, 1, 2, 3]\nresources: {retries: 3}")
_SPEC = _SPEC.replace("steps: 4", "steps: 30").replace("eval_every: 2", "eval_every: 10")
_END_SECONDS = 240.0  # of one submit
_MOST_SUBMITS = 4
_QUIET_SECONDS = 45.0  # after which nothing of a round may run any more
_SHARED = Path(os.environ.get("VSS_FAULTS_CACHE", "/tmp/vss-faults-cache"))


class Services:
    """The services of a round: an MLflow server, and PostgreSQL where its programs are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        _SHARED.mkdir(exist_ok=True)
        template = _SHARED / "mlflow.db"
        if not template.exists():
            Tracker(f"sqlite:///{_SHARED / 'draft.db'}", _SHARED / "unused")
            (_SHARED / "draft.db").rename(template)
        (folder / "mlflow.db").write_bytes(template.read_bytes())
        self.mlflow = Server(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
        self.postgres: PostgresServer | None = None
        with suppress(pytest.skip.Exception):
            self.postgres = PostgresServer()

    @property
    def ledger_kind(self) -> str:
        return "PostgreSQL" if self.postgres else "SQLite"

    def __enter__(self) -> Self:
        self.mlflow.start()
        self.ledger_url = f"sqlite:///{self.folder / 'ledger.db'}"
        if self.postgres is not None:
            self.postgres.start()
            self.ledger_url = new_postgres_database(self.postgres.url)
        self.mlflow.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.mlflow.kill()
        if self.postgres is not None:
            self.postgres.stop()
            shutil.rmtree(self.postgres.folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "VSS_HOME": str(self.home),
            "VSS_CACHE": str(_SHARED / "frames"),
            "VSS_LEDGER_URL": self.ledger_url,
            "MLFLOW_TRACKING_URI": self.mlflow.url,
            "COLUMNS": "150",
        }


class Round:
    """A study, and the submits that run it one after the other."""

    def __init__(self, services: Services, rng: random.Random) -> None:
        self.services, self.rng = services, rng
        self.commands: list[subprocess.Popen[bytes]] = []
        self._spec = services.folder / "spec.yaml"
        self._spec.write_text(_SPEC)
        self.id = uuid.uuid4().hex

    @property
    def driver(self) -> subprocess.Popen[bytes]:
        return self.commands[-1]

    @property
    def storage(self) -> Path:
        return self.services.home / "trials"

    def outputs(self) -> list[str]:
        files = sorted(self.services.folder.glob("output-*.txt"))
        return [file.read_text(errors="replace") for file in files]

    def submit(self) -> None:
        output = self.services.folder / f"output-{len(self.commands)}.txt"
        with output.open("wb") as file:
            command = subprocess.Popen(
                [sys.executable, "-m", "orchestrator.cli.app", "submit", str(self._spec)],
                env=self.services.environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.commands.append(command)

    def wait_for_progress(self) -> None:
        """Wait until some random number of trials has begun, and a moment longer."""
        count = self.rng.randint(1, TRIALS - 1)
        deadline = time.monotonic() + _END_SECONDS
        while len(list(self.storage.glob("*/config.json"))) < count:
            assert time.monotonic() < deadline, "no trial begins"
            if self.driver.poll() is not None:
                return
            time.sleep(0.2)
        time.sleep(self.rng.uniform(0, 3))

    def finish(self) -> None:
        """Wait for the end of the study; submit it again where a user would have to."""
        while self._wait() != 0 and len(self.commands) < _MOST_SUBMITS:
            self.submit()

    def _wait(self) -> int:
        try:
            return self.driver.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.driver.send_signal(signal.SIGKILL)
            return self.driver.wait()

    def processes(self) -> dict[int, str]:
        """Return the processes that belong to the study, by the environment that they have."""
        mark = f"VSS_HOME={self.services.home}\0".encode()
        commands: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes():
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if line:
                        commands[int(folder.name)] = line
        return commands

    def wait_until_quiet(self) -> dict[int, str]:
        """Wait until no process of the study is left; return those that stay, and end them."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.5)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left
