"""The deletion of an experiment: what goes and what stays."""

import pytest

from orchestrator.ledger.entries import State
from orchestrator.settings import Settings
from orchestrator.stores import Stores
from orchestrator.upkeep.deletion import delete_experiment
from tests.orchestrator.ledger.conftest import ids
from vss.errors import UserError


@pytest.mark.slow
def test_own_trials_go_and_shared_ones_stay(stores: Stores, settings: Settings) -> None:
    shared_run, own_run = (trial.run_id for trial in stores.ledger.trials("study")[:2])
    parent = stores.ledger.experiment("study").run_id

    deletion, lost_runs = delete_experiment("study", stores, settings)

    assert lost_runs == 0
    assert [trial.trial_id for trial in deletion.own] == ids(1, 2)
    assert [trial.trial_id for trial in deletion.shared] == ids(0)
    assert [entry.name for entry in stores.ledger.experiments()] == ["another"]
    assert [trial.state for trial in stores.ledger.trials("another")] == ["FINISHED", "PENDING"]
    assert [folder.name for folder in settings.storage.folder.iterdir()] == ids(0)
    runs = stores.tracker.read_runs([str(shared_run), str(own_run), str(parent)])
    assert list(runs) == [shared_run]
    experiments = {tag for tag in runs[str(shared_run)].tags if tag.startswith("experiment/")}
    assert experiments == {"experiment/another"}


@pytest.mark.slow
def test_experiment_can_be_submitted_again(stores: Stores, settings: Settings) -> None:
    from tests.orchestrator.ledger.conftest import STUDY, members

    delete_experiment("study", stores, settings)
    stores.ledger.add(STUDY, members(0, 1))

    states = [trial.state for trial in stores.ledger.trials("study")]
    assert states == [State.FINISHED, State.PENDING]


@pytest.mark.slow
def test_experiment_of_a_live_driver_is_not_deleted(stores: Stores, settings: Settings) -> None:
    with stores.ledger.driver() as driver:
        driver.claim(ids(2))

        with pytest.raises(UserError, match=r"belongs to a submit .* \(process \d+\): stop it"):
            delete_experiment("study", stores, settings)

    assert len(stores.ledger.trials("study")) == 3
    assert len(list(settings.storage.folder.iterdir())) == 2
