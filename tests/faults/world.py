"""A simulated world: time, machines and processes, as the ledger sees them.

Nothing sleeps. All drivers are in one Python process; `World.at` says as which process the code
runs that is called next.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from orchestrator.ledger import driver, tables
from orchestrator.ledger.availability import liveness
from orchestrator.ledger.availability.outage import report_outages
from orchestrator.ledger.ledger import Ledger

_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Process:
    """A process on a machine of the simulated world."""

    host: str
    pid: int
    is_alive: bool = True


class World:
    """The clock, and the processes on every machine."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.here = Process("head", 1)  # the process that runs now
        self._processes: dict[int, Process] = {1: self.here}

    def now(self, zone: object = UTC) -> datetime:
        return _START + timedelta(seconds=self.seconds)

    def begin_process(self, host: str) -> Process:
        process = Process(host, len(self._processes) + 1)
        self._processes[process.pid] = process
        return process

    @contextmanager
    def at(self, process: Process) -> Iterator[None]:
        """Run the code of the block as a process."""
        earlier, self.here = self.here, process
        try:
            yield
        finally:
            self.here = earlier

    def send_signal(self, pid: int, number: int) -> None:
        """Raise ProcessLookupError if no process of this machine has the id, as `os.kill` does."""
        process = self._processes.get(pid)
        if process is None or not process.is_alive or process.host != self.here.host:
            raise ProcessLookupError


def enter(world: World, patch: pytest.MonkeyPatch) -> None:
    """Let the ledger take the time, the host name and the processes from a simulated world."""
    host = SimpleNamespace(gethostname=lambda: world.here.host)
    patch.setattr(tables, "datetime", world)
    patch.setattr(liveness, "socket", host)
    patch.setattr(liveness, "os", SimpleNamespace(kill=world.send_signal))
    patch.setattr(driver, "socket", host)
    patch.setattr(driver, "os", SimpleNamespace(getpid=lambda: world.here.pid))
    contact = partial(liveness.Contact, clock=lambda: world.seconds)
    patch.setattr(driver, "Contact", contact)


_TRIGGERS = {
    "finished trial changed": (
        "BEFORE UPDATE ON trials WHEN OLD.state = 'FINISHED' AND (NEW.state IS NOT OLD.state "
        "OR NEW.driver IS NOT OLD.driver OR NEW.step IS NOT OLD.step "
        "OR NEW.run_id IS NOT OLD.run_id OR NEW.score IS NOT OLD.score "
        "OR NEW.finished_at IS NOT OLD.finished_at)"
    ),
    "attempt changed after its end": (
        "BEFORE UPDATE ON attempts WHEN OLD.state NOT IN ('PENDING', 'RUNNING')"
    ),
    "attempt number is not the next one": (
        "BEFORE INSERT ON attempts WHEN NEW.number IS NOT 1 + (SELECT coalesce(max(number), 0) "
        "FROM attempts WHERE trial_id = NEW.trial_id)"
    ),
    "two attempts are open": (
        "BEFORE INSERT ON attempts WHEN EXISTS (SELECT 1 FROM attempts WHERE "
        "trial_id = NEW.trial_id AND state IN ('PENDING', 'RUNNING'))"
    ),
    "attempt at a finished trial": (
        "BEFORE INSERT ON attempts WHEN EXISTS (SELECT 1 FROM trials WHERE "
        "trial_id = NEW.trial_id AND state = 'FINISHED')"
    ),
}


def _guard(engine: sa.Engine) -> None:
    """Have an SQLite database itself refuse what must never be written."""
    with engine.begin() as db:
        for number, (text, condition) in enumerate(_TRIGGERS.items()):
            db.exec_driver_sql(
                f"CREATE TRIGGER guard{number} {condition} BEGIN SELECT RAISE(ABORT, '{text}'); END"
            )


class Snapshot:
    """The rows that a ledger has now; `restore` makes it have these and no others."""

    def __init__(self, ledger: Ledger) -> None:
        self._engine = ledger._engine
        tables_in_order = [table.name for table in tables.metadata.sorted_tables]
        self._statements = [f"DELETE FROM {name}" for name in reversed(tables_in_order)]
        with self._engine.begin() as db:
            for name in tables_in_order:
                db.exec_driver_sql(f"CREATE TABLE copy_of_{name} AS SELECT * FROM {name}")
                self._statements.append(f"INSERT INTO {name} SELECT * FROM copy_of_{name}")

    def restore(self) -> None:
        # In one go: it is done before every example.
        script = ";".join(self._statements)
        with self._engine.begin() as db:
            if self._engine.dialect.name == "sqlite":
                db.connection.dbapi_connection.executescript(f"BEGIN;{script}")  # type: ignore[union-attr]
            else:
                db.exec_driver_sql(script)


def open_memory_ledger(folder: Path) -> Ledger:
    """Return a ledger in memory, which refuses what must never be written."""
    ledger = Ledger(f"sqlite:///{folder / 'template.db'}")
    engine = sa.create_engine(
        "sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False}
    )
    report_outages(engine)
    with closing(sqlite3.connect(folder / "template.db")) as template, engine.connect() as db:
        template.backup(db.connection.dbapi_connection)
    ledger._engine = engine
    _guard(engine)
    return ledger
