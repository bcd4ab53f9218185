"""The ledger's side of upkeep, on every database."""

import os
import socket

import pytest

from orchestrator.ledger.entries import Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members
from vss.errors import UserError


def end_as(ledger: Ledger, state: State, *seeds: int) -> None:
    with ledger.driver() as driver:
        for claim in driver.claim(ids(*seeds)):
            driver.start(claim, 0, None)
            driver.end(claim, state, "message", None)


def test_retry_changes_only_trials_in_the_states(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1, 2))
    end_as(ledger, State.FAILED, 0)
    end_as(ledger, State.FINISHED, 1)

    count = ledger.upkeep.retry("study", [State.FAILED])

    assert count == 1
    states = [trial.state for trial in ledger.trials("study")]
    assert states == [State.PENDING, State.FINISHED, State.PENDING]


def test_deletion_spares_what_another_experiment_lists(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1))
    ledger.add(ANOTHER, members(0))
    end_as(ledger, State.FINISHED, 0, 1)

    deletion = ledger.upkeep.delete("study")

    assert [trial.trial_id for trial in deletion.own] == ids(1)
    assert list(ledger.finished_runs(ids(0, 1))) == ids(0)
    assert [entry.name for entry in ledger.experiments()] == ["another"]


def test_trial_that_an_unfinished_one_needs_stays(ledger: Ledger) -> None:
    """No spec lists a trial without its sources, but a ledger may."""
    (source,) = ids(0)
    dependent = tiny(seed=1, weights=f"backbone:{source}")
    member = Member(PlannedTrial("b", dependent), "f" * 64)
    ledger.add(STUDY, members(0))
    ledger.add(ANOTHER, [member])
    end_as(ledger, State.FINISHED, 0)

    planned = ledger.upkeep.plan_deletion("study")
    deletion = ledger.upkeep.delete("study")
    orphans = ledger.upkeep.find_orphans([source])
    with ledger.driver() as driver:
        (claim,) = driver.claim([dependent.trial_id])
        driver.end(claim, State.FINISHED)

    assert [trial.trial_id for trial in planned.shared] == [source]
    assert (deletion.own, orphans) == ([], {})
    assert ledger.upkeep.delete_orphans([source]) == [source]


def test_orphans_are_trials_that_no_experiment_lists(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1))
    end_as(ledger, State.FINISHED, 0, 1)
    ledger.add(STUDY, members(0))

    orphans = ledger.upkeep.find_orphans(ids(0, 1, 2))
    deleted = ledger.upkeep.delete_orphans(ids(0, 1, 2))

    assert {trial_id: trial and trial.state for trial_id, trial in orphans.items()} == {
        ids(1)[0]: State.FINISHED,
        ids(2)[0]: None,
    }
    assert deleted == ids(1, 2)
    assert not ledger.finished_runs(ids(1))


def test_trial_of_a_live_driver_is_refused_with_its_host_and_process(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    message = rf"running on {socket.gethostname()} \(process {os.getpid()}\): stop it first"

    with ledger.driver() as driver:
        driver.claim(ids(0))
        for act in (ledger.upkeep.plan_deletion, ledger.upkeep.delete):
            with pytest.raises(UserError, match=message):
                act("study")
        with pytest.raises(UserError, match=message):
            ledger.upkeep.retry("study", [State.PENDING])
