"""The size of the tests: a little in `make test`, thousands of examples in `make faults`.

VSS_FAULTS_EXAMPLES is the number of examples of the ledger's machine there.
"""

import os

import pytest

from orchestrator.ledger.ledger import Ledger
from tests.faults.ledger_machine import prepare
from tests.faults.world import Snapshot, open_memory_ledger
from tests.orchestrator.conftest import job, postgres_server

__all__ = ["job", "postgres_server"]  # fixtures that the tests here use too
IS_FULL = os.environ.get("VSS_FAULTS") == "full"
EXAMPLES = int(os.environ.get("VSS_FAULTS_EXAMPLES", "1600"))


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, Snapshot]:
    """Return a ledger in memory for the machine, with its first rows."""
    ledger = open_memory_ledger(tmp_path_factory.mktemp("machine"))
    return ledger, prepare(ledger)
