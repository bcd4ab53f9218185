"""The cleaning of the storage: what counts as a leftover, and what is removed with it."""

import os
from pathlib import Path

import pytest

from orchestrator.settings import Settings
from orchestrator.stores import Stores, open_ledger
from orchestrator.upkeep.cleaning import check_ledger_exists, find_leftovers, remove_leftovers
from tests.orchestrator.ledger.conftest import STUDY, ids, members
from tests.orchestrator.upkeep.conftest import make_directory
from vss.errors import UserError

UNKNOWN = "0" * 12


def make_older(folder: Path) -> None:
    """Make a directory look as if nothing in it had changed since 1970."""
    for file in folder.iterdir():
        os.utime(file, (0, 0))


@pytest.mark.slow
def test_directories_of_experiments_are_no_leftovers(stores: Stores, settings: Settings) -> None:
    (settings.storage.folder / "notes").mkdir()

    assert find_leftovers(stores.ledger, settings) == []


@pytest.mark.slow
def test_trial_that_left_its_experiment_is_removed(stores: Stores, settings: Settings) -> None:
    run_id = str(stores.ledger.trials("study")[1].run_id)
    stores.ledger.add(STUDY, members(0, 2))

    leftovers = find_leftovers(stores.ledger, settings)
    removed_leftovers = remove_leftovers(leftovers, stores)

    assert [(item.trial_id, item.size_bytes) for item in removed_leftovers] == [(ids(1)[0], 1000)]
    assert [folder.name for folder in settings.storage.folder.iterdir()] == ids(0)
    assert stores.tracker.read_runs([run_id]) == {}
    assert not stores.ledger.finished_runs(ids(1))


@pytest.mark.slow
def test_unknown_directory_is_a_leftover_once_it_is_old(stores: Stores, settings: Settings) -> None:
    folder = make_directory(settings, UNKNOWN)
    fresh = find_leftovers(stores.ledger, settings)
    make_older(folder)

    old = find_leftovers(stores.ledger, settings)

    assert (fresh, [item.trial_id for item in old]) == ([], [folder.name])


@pytest.mark.slow
def test_directory_that_is_asked_for_meanwhile_stays(stores: Stores, settings: Settings) -> None:
    stores.ledger.add(STUDY, members(0))
    leftovers = find_leftovers(stores.ledger, settings)
    stores.ledger.add(STUDY, members(0, 1))

    assert remove_leftovers(leftovers, stores) == []
    assert len(list(settings.storage.folder.iterdir())) == 2


@pytest.mark.slow
def test_trial_of_a_live_driver_is_not_removed(stores: Stores, settings: Settings) -> None:
    make_directory(settings, ids(2)[0])
    with stores.ledger.driver() as driver:
        driver.claim(ids(2))
        stores.ledger.add(STUDY, members(0, 1))

        with pytest.raises(UserError, match=r"belongs to a submit that is running on .* \(process"):
            find_leftovers(stores.ledger, settings)


def test_storage_of_another_ledger_is_left_alone(settings: Settings) -> None:
    with pytest.raises(UserError, match="nothing has been submitted in .*; check VSS_HOME"):
        check_ledger_exists(settings)
    make_older(make_directory(settings, UNKNOWN))

    with pytest.raises(UserError, match="the ledger knows none of the trials in"):
        find_leftovers(open_ledger(settings), settings)
