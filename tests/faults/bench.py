"""The bench of schedules: a ledger in memory that can be out of reach, used by all of them."""

import gc
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings, load_settings
from tests.faults.study import record
from tests.faults.world import Snapshot, open_memory_ledger


class Outage:
    """An outage of the ledger: its statements, or the confirmations of its commits, get lost."""

    def __init__(self, ledger: Ledger) -> None:
        self.turns_left = 0
        self.loses_confirmations = False
        engine = ledger._engine
        sa.event.listen(engine, "before_cursor_execute", self._before_statement)
        self._commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._do_commit  # type: ignore[method-assign]

    def _before_statement(self, *_: object) -> None:
        if self.turns_left and not self.loses_confirmations:
            raise _no_answer()

    def _do_commit(self, connection: Any) -> None:
        self._commit(connection)
        if self.turns_left and self.loses_confirmations:
            raise _no_answer()


def _no_answer() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


@dataclass(frozen=True)
class Bench:
    """What all schedules share."""

    ledger: Ledger
    snapshot: Snapshot
    outage: Outage
    settings: Settings


@contextmanager
def open_bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_memory_ledger(Path(folder))
        gc.collect()
        gc.freeze()  # PyTorch's objects: they would be looked at again and again
        try:
            yield Bench(ledger, record(ledger), Outage(ledger), load_settings())
        finally:
            gc.unfreeze()
