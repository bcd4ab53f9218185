"""The ledger against its model, whatever drivers and users do, in whichever order."""

import pytest

from orchestrator.ledger.ledger import Ledger
from tests.faults.conftest import EXAMPLES, IS_FULL
from tests.faults.ledger_machine import prepare, run_machine
from tests.faults.walk import walk
from tests.faults.world import Snapshot
from tests.orchestrator.ledger.conftest import new_postgres_database

pytestmark = pytest.mark.slow


def test_ledger_on_sqlite_agrees_with_its_model(machine: tuple[Ledger, Snapshot]) -> None:
    run_machine(*machine, examples=EXAMPLES if IS_FULL else 100)


def test_ledger_on_postgresql_agrees_with_its_model(postgres_server: str) -> None:
    ledger = Ledger(new_postgres_database(postgres_server))

    run_machine(ledger, prepare(ledger), examples=EXAMPLES // 8 if IS_FULL else 15)


def test_random_walks_agree_with_the_model(machine: tuple[Ledger, Snapshot]) -> None:
    for seed in range(100 if IS_FULL else 25):
        walk(*machine, seed)
