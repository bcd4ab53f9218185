"""The trials of one experiment, with their newest attempt."""

from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from tests.orchestrator.ledger.conftest import STUDY, ids, members, only_trial


def test_newest_attempt_that_started_is_shown(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        for first_step in (0, 7):
            (claim,) = driver.claim(ids(0))
            driver.start(claim, first_step, None)
            driver.end(claim, State.PENDING, None, "lost")
        driver.claim(ids(0))  # does not start

    trial = only_trial(ledger)
    assert (trial.attempts, trial.first_step) == (2, 7)
    assert trial.started_at is not None
    assert trial.ended_at is not None
    assert trial.started_at <= trial.ended_at


def test_trial_that_never_started_has_no_attempts(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    trial = only_trial(ledger)

    assert (trial.attempts, trial.first_step, trial.started_at) == (0, 0, None)


def test_attempt_of_a_lost_driver_has_ended(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as lost:
        lost.start(lost.claim(ids(0))[0], 0, None)
        (while_alive,) = ledger.attempts(ids(0)[0])
    (afterwards,) = ledger.attempts(ids(0)[0])
    with ledger.driver() as driver:
        driver.claim(ids(0))
        first, second = ledger.attempts(ids(0)[0])

    assert while_alive.state == State.RUNNING
    assert (afterwards.state, afterwards.message) == (State.CANCELLED, "its driver was lost")
    assert (first.state, first.message) == (afterwards.state, afterwards.message)
    assert second.state == State.PENDING
