"""Outages of the ledger's database."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.ledger import database
from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.ledger import Ledger
from tests.orchestrator.conftest import PostgresServer, locked
from tests.orchestrator.ledger.conftest import STUDY, ids, members


def test_sqlite_ledger_that_stays_locked_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.add(STUDY, members(0))

    with ledger.driver() as driver:
        with locked(tmp_path / "ledger.db"), pytest.raises(LedgerUnreachableError) as error:
            driver.claim(ids(0))

        assert error.value.reason == "database is locked"
        assert len(driver.claim(ids(0))) == 1


def test_bug_in_a_query_is_no_outage(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")

    with ledger._engine.connect() as db, pytest.raises(sa.exc.OperationalError):
        db.execute(sa.text("SELECT * FROM nothing"))


@pytest.mark.slow
def test_server_that_comes_back_is_used_again(own_postgres_server: PostgresServer) -> None:
    ledger = Ledger(f"{own_postgres_server.url}/postgres")
    ledger.add(STUDY, members(0))
    own_postgres_server.stop()

    with pytest.raises(LedgerUnreachableError) as error:
        ledger.trials("study")
    own_postgres_server.start()

    assert "refused" in error.value.reason
    assert "\n" not in str(error.value)
    assert len(ledger.trials("study")) == 1
