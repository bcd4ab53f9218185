"""Two experiments that share a trial, with runs and directories."""

from pathlib import Path

import pytest

from orchestrator.ledger.entries import State
from orchestrator.settings import Settings
from orchestrator.stores import Stores
from orchestrator.tracking.tracker import Tracker
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members


def make_directory(settings: Settings, trial_id: str) -> Path:
    """Make a trial directory of 1 kB."""
    folder = settings.storage.folder / trial_id
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(bytes(998))
    return folder


@pytest.fixture
def stores(tracker: Tracker, settings: Settings) -> Stores:
    """Return stores in which trial 0 is shared, 1 and 2 belong to `study`, and 3 to `another`."""
    stores = Stores(settings)
    ledger = stores.ledger
    ledger.add(STUDY, members(0, 1, 2))
    ledger.add(ANOTHER, members(0, 3))
    with ledger.driver() as driver:
        for claim in driver.claim(ids(0, 1)):
            names = ledger.membership(claim.trial_id)
            tags = {f"experiment/{name}": cell for name, cell in names.items()}
            run = tracker.open_trial("a", claim.trial_id, None, tags)
            driver.start(claim, 0, run.run_id)
            driver.end(claim, State.FINISHED, None, None)
            make_directory(settings, claim.trial_id)
    for name in ("study", "another"):
        ledger.set_experiment_run(name, tracker.open_experiment_run(ledger.experiment(name)))
    return stores
