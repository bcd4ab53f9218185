"""Cancelling trials and experiments."""

import pytest

from orchestrator.ledger.availability import liveness
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members


def states(ledger: Ledger) -> list[State]:
    return [trial.state for trial in ledger.trials("study")]


@pytest.mark.slow
def test_idle_trials_are_cancelled_at_once(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1, 2))
    with ledger.driver() as driver:
        for claim in driver.claim(ids(2)):
            driver.end(claim, State.FINISHED)

    cancellation = ledger.upkeep.cancel_experiment("study")

    assert cancellation.cancelled == ids(0, 1)
    assert cancellation.stopping == []
    assert states(ledger) == [State.CANCELLED, State.CANCELLED, State.FINISHED]


@pytest.mark.slow
def test_driver_is_asked_to_stop_a_running_trial(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1))
    with ledger.driver() as driver:
        first, second = driver.claim(ids(0, 1))
        driver.start(first, 0, None)

        cancellation = ledger.upkeep.cancel_trials(ids(0))
        requests = driver.read_stop_requests(ids(0, 1))
        # The driver may take its end for a loss: then, too, it is not tried again.
        driver.end(first, State.PENDING)
        driver.end(second, State.PENDING)
        later_requests = driver.read_stop_requests(ids(0, 1))

    assert cancellation.stopping == ids(0)
    assert requests == (False, ids(0))
    assert later_requests == (False, [])
    assert states(ledger) == [State.CANCELLED, State.PENDING]


@pytest.mark.slow
def test_trial_that_finishes_first_stays_finished(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        ledger.upkeep.cancel_trials(ids(0))
        driver.end(claim, State.FINISHED)

    assert states(ledger) == [State.FINISHED]


def test_driver_of_a_cancelled_experiment_is_asked_to_end(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    ledger.add(ANOTHER, members(1))
    with ledger.driver() as driver, ledger.driver() as other:
        driver.take_lease("study")
        other.take_lease("another")

        cancellation = ledger.upkeep.cancel_experiment("study")
        requests = [d.read_stop_requests([]) for d in (driver, other)]

    assert cancellation.lease is not None
    assert cancellation.lease.driver == driver.driver_id
    assert requests == [(True, []), (False, [])]


def test_trials_that_another_running_experiment_needs_are_left_to_it(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1, 2))
    ledger.add(ANOTHER, members(0, 1))
    with ledger.driver() as driver, ledger.driver() as other:
        driver.take_lease("study")
        other.take_lease("another")
        (claim,) = driver.claim(ids(0))

        cancellation = ledger.upkeep.cancel_experiment("study")
        driver.end(claim, State.PENDING, was_stopped=True)
        claims = other.claim(ids(0))

    assert cancellation.kept == dict.fromkeys(ids(0, 1), "another")
    assert cancellation.cancelled == ids(2)
    assert [claim.attempt for claim in claims] == [2]


def test_request_to_a_lost_driver_holds_until_the_experiment_is_reopened(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        driver.claim(ids(0))
        ledger.upkeep.cancel_trials(ids(0))

    with ledger.driver() as driver:
        claims = driver.claim(ids(0))
        ledger.upkeep.reopen("study")
        claims_of_reopened_trial = driver.claim(ids(0))

    assert claims == []
    assert len(claims_of_reopened_trial) == 1


@pytest.mark.parametrize("state", [State.FAILED, State.FINISHED])
def test_ended_trials_are_left_as_they_are(ledger: Ledger, state: State) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        for claim in driver.claim(ids(0)):
            driver.end(claim, state, "bad image" if state == State.FAILED else None)

    cancellation = ledger.upkeep.cancel_experiment("study")

    assert (cancellation.cancelled, cancellation.stopping) == ([], [])
    assert states(ledger) == [state]


def bury(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process of a driver count as dead, and all others as alive."""
    monkeypatch.setattr(
        liveness, "_is_alive", lambda row, trust_silence: row.driver != driver.driver_id
    )


def test_cancelled_trial_of_a_lost_driver_leaves_no_open_attempt(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.add(STUDY, members(0))
    lost = Driver(ledger._engine)
    for claim in lost.claim(ids(0)):
        lost.start(claim, 0, None)
    bury(lost, monkeypatch)

    ledger.upkeep.cancel_trials(ids(0))

    (attempt,) = ledger.attempts(ids(0)[0])
    assert states(ledger) == [State.CANCELLED]
    assert attempt.state == State.CANCELLED
    assert attempt.ended_at is not None


def test_next_driver_grants_what_was_asked_of_a_lost_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would otherwise wait for ever for a trial that it may not claim."""
    ledger.add(STUDY, members(0))
    lost = Driver(ledger._engine)
    lost.claim(ids(0))
    ledger.upkeep.cancel_trials(ids(0))
    bury(lost, monkeypatch)

    with ledger.driver() as driver:
        assert driver.claim(ids(0)) == []
        assert driver.open_trials("study") == []
    assert states(ledger) == [State.CANCELLED]


def test_driver_that_leaves_grants_what_was_asked_of_it(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        driver.claim(ids(0))
        ledger.upkeep.cancel_trials(ids(0))

    assert states(ledger) == [State.CANCELLED]
