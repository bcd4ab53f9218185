"""The removal of the states in which samples of a search stopped."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.ledger.entries import Member, State
from orchestrator.settings import Settings
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.storage import Storage
from orchestrator.stores import Stores
from orchestrator.upkeep.stopped_states import remove_stopped_states
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import ANOTHER, DATA, STUDY, members
from vss.trial_directory import STOPPED_STATE

SAMPLE = tiny(seed=9, steps=9, stop_step=3)


@pytest.fixture
def searched(settings: Settings) -> Stores:
    """Return stores with a finished search of `study`: a sample that stopped, and a trial."""
    stores = Stores(settings)
    sample = Member(PlannedTrial("a", SAMPLE, sample=0), DATA)
    stores.ledger.add(STUDY, [sample, *members(0)])
    with stores.ledger.driver() as driver:
        (claim,) = driver.claim([SAMPLE.trial_id])
        driver.end(claim, State.FINISHED)
    return stores


def leave_state(folder: Path) -> Path:
    file = folder / STOPPED_STATE
    file.parent.mkdir(parents=True)
    file.touch()
    return file


def test_state_is_removed_once_the_search_is_over(searched: Stores, settings: Settings) -> None:
    assert settings.storage.folder is not None
    file = leave_state(settings.storage.folder / SAMPLE.trial_id)

    assert remove_stopped_states(searched, "another") == 0
    assert remove_stopped_states(searched, "study") == 1
    assert not file.exists()


@pytest.mark.slow
def test_state_stays_while_another_experiment_searches(
    searched: Stores, settings: Settings
) -> None:
    assert settings.storage.folder is not None
    file = leave_state(settings.storage.folder / SAMPLE.trial_id)
    searched.ledger.add(ANOTHER, [Member(PlannedTrial("b", SAMPLE, sample=1), DATA)])

    assert remove_stopped_states(searched) == 0
    assert file.exists()


def test_state_elsewhere_is_removed_from_all_attempts(
    settings: Settings, searched: Stores, tmp_path: Path
) -> None:
    searched.settings = replace(settings, storage=Storage(f"local://{tmp_path}/far"))
    files = [leave_state(tmp_path / "far" / SAMPLE.trial_id / each) for each in ("1", "2")]

    assert remove_stopped_states(searched) == 2
    assert not any(file.exists() for file in files)
