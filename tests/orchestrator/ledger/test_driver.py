"""Drivers: the claims they make and the states they write."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.ledger import tables
from orchestrator.ledger.availability.liveness import DRIVER_TIMEOUT, Contact
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Claim, State
from orchestrator.ledger.ledger import Ledger
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members, only_trial
from tests.orchestrator.ledger.rivals import claim_ids, compete


def test_trial_goes_from_claim_to_result(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, "run")
        trial = only_trial(ledger)
        driver.beat({claim: {"step": 3, "loss": 0.5, "miou": 0.25}})
        trial_after_beat = only_trial(ledger)
        driver.end(claim, State.FINISHED, None, None)

    assert (trial.state, trial.attempts, trial.run_id) == (State.RUNNING, 1, "run")
    assert (trial_after_beat.step, trial_after_beat.loss, trial_after_beat.miou) == (3, 0.5, 0.25)
    assert only_trial(ledger).state == State.FINISHED


@pytest.mark.slow
def test_last_heartbeat_is_written_with_the_end(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0))

    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, None)
        last_values = {"step": 4, "loss": 0.25, "miou": 0.5, "run_id": "run", "waiting_for": None}
        driver.end(claim, State.FINISHED, score=0.5, last_values=last_values)
        row = trial_row(url)
        driver.end(claim, State.FINISHED, score=0.5, last_values={"step": 5})

    assert (row.state, row.step, row.loss, row.miou, row.run_id) == (
        "FINISHED",
        4,
        0.25,
        0.5,
        "run",
    )
    assert trial_row(url) == row


def test_finished_row_never_changes(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, "run")
        driver.end(claim, State.FINISHED, None, None)
        finished_row = trial_row(url)

        driver.start(claim, 9, "other")
        driver.beat({claim: {"step": 9, "loss": 9.0, "miou": 9.0}})
        driver.end(claim, State.FAILED, "too late", None)
        ledger.add(STUDY, members(0))
        ledger.add(ANOTHER, members(0, cell="b"))

        assert driver.claim(ids(0)) == []
    assert trial_row(url) == finished_row


def trial_row(url: str) -> Any:
    with sa.create_engine(url).connect() as db:
        return db.execute(sa.select(tables.trials)).one()


def test_two_drivers_never_claim_the_same_trial(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1))

    with ledger.driver() as first, ledger.driver() as second:
        assert len(first.claim(ids(0))) == 1
        assert [c.trial_id for c in second.claim(ids(0, 1))] == ids(1)


@pytest.mark.slow
def test_two_processes_that_claim_at_once_share_no_trial(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(*range(40)))

    first, second = compete(2, claim_ids, url, ids(*range(40)))

    assert sorted(first + second) == sorted(ids(*range(40)))


def test_deleted_trial_is_not_claimed(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    with ledger.driver() as driver:
        assert [claim.trial_id for claim in driver.claim(ids(7, 0))] == ids(0)


def test_claims_end_with_the_driver(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        driver.claim(ids(0))

    with ledger.driver() as driver:
        assert [claim.attempt for claim in driver.claim(ids(0))] == [2]


def test_trials_that_still_run_when_the_driver_leaves_are_pending_again(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1))
    with ledger.driver() as driver:
        for claim in driver.claim(ids(0)):
            driver.start(claim, 0, "run")
            driver.beat({claim: {"step": 3}})

    running, untouched = ledger.trials(STUDY.name)

    assert (running.state, running.step, running.attempts) == (State.PENDING, 3, 1)
    assert [a.state for a in ledger.attempts(running.trial_id)] == [State.CANCELLED]
    assert (untouched.state, untouched.attempts) == (State.PENDING, 0)


def test_driver_says_what_it_does_while_no_trial_runs(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    with ledger.driver() as driver:
        driver.take_lease(STUDY.name)
        driver.set_activity("measuring")
        activity = ledger.lease(STUDY.name).activity  # type: ignore[union-attr]
        driver.set_activity(None)
        later_activity = ledger.lease(STUDY.name).activity  # type: ignore[union-attr]

    assert (activity, later_activity) == ("measuring", None)


def test_trials_of_a_dead_driver_can_be_claimed_at_once(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0))
    dead_driver = make_lost_driver(ledger)
    (claim,) = dead_driver.claim(ids(0))
    dead_driver.start(claim, 0, None)
    change_driver(url, pid=2**22 - 3)  # no such process

    assert only_trial(ledger).state == State.PENDING  # no live process runs it
    with ledger.driver() as driver:
        assert [c.attempt for c in driver.claim(ids(0))] == [2]


def test_silent_driver_on_another_host_is_dead_only_after_a_timeout(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.add(STUDY, members(0))
    make_lost_driver(ledger).claim(ids(0))

    with ledger.driver() as driver:
        change_driver(url, host="elsewhere", except_driver=driver.driver_id)
        assert driver.claim(ids(0)) == []
        long_ago = datetime.now(UTC) - DRIVER_TIMEOUT - timedelta(seconds=1)
        change_driver(url, seen_at=long_ago, except_driver=driver.driver_id)
        assert driver.claim(ids(0)) == []  # the ledger itself may have been out of reach
        monkeypatch.setattr(Contact, "is_established", True)
        assert len(driver.claim(ids(0))) == 1


def make_lost_driver(ledger: Ledger) -> Driver:
    """Return a driver that never releases its claims."""
    return Driver(ledger._engine)


def change_driver(url: str, except_driver: str = "", **values: Any) -> None:
    with sa.create_engine(url).begin() as db:
        rows = tables.drivers.c.driver != except_driver
        db.execute(sa.update(tables.drivers).where(rows).values(values))


def test_lost_driver_cannot_overwrite_its_successor(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0))
    old_driver = make_lost_driver(ledger)
    (old_claim,) = old_driver.claim(ids(0))
    change_driver(url, pid=2**22 - 3)
    with ledger.driver() as driver:
        (new_claim,) = driver.claim(ids(0))
        driver.start(new_claim, 0, "run")

        old_driver.beat({old_claim: {"step": 99, "loss": 0.0, "miou": 0.0}})
        old_driver.end(old_claim, State.FAILED, "late", None)

        assert (only_trial(ledger).state, only_trial(ledger).step) == (State.RUNNING, 0)


def test_lost_driver_cannot_write_an_attempt_that_is_over(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0))
    lost = make_lost_driver(ledger)
    (old,) = lost.claim(ids(0))
    change_driver(url, pid=2**22 - 3)
    with ledger.driver() as driver:
        driver.claim(ids(0))
        rows = attempt_rows(url)

        lost.start(old, 5, "late run")
        lost.end(old, State.FINISHED, None, "late")

        assert attempt_rows(url) == rows


def test_earlier_attempt_of_the_same_driver_cannot_write(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        (first,) = driver.claim(ids(0))
        driver.end(first, State.PENDING, None, "lost")
        (second,) = driver.claim(ids(0))
        driver.start(second, 0, "run")
        rows = attempt_rows(url)

        driver.start(first, 9, "late run")
        driver.beat({first: {"step": 99, "loss": 0.0, "miou": 0.0}})
        driver.end(first, State.FINISHED, None, None)

        assert attempt_rows(url) == rows
        assert (only_trial(ledger).state, only_trial(ledger).step) == (State.RUNNING, 0)


def attempt_rows(url: str) -> list[Any]:
    with sa.create_engine(url).connect() as db:
        return list(db.execute(sa.select(tables.attempts).order_by(tables.attempts.c.number)))


@pytest.mark.slow
def test_failed_trial_has_a_message_and_can_be_claimed_once_reopened(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, None)
        driver.end(claim, State.FAILED, "bad image", "Traceback ...")
        failed_trial = only_trial(ledger)
        claims_of_failed_trial = driver.claim(ids(0))
        ledger.upkeep.reopen("study")

        (second_claim,) = driver.claim(ids(0))

    assert (failed_trial.state, failed_trial.message) == (State.FAILED, "bad image")
    assert claims_of_failed_trial == []
    assert second_claim == Claim(ids(0)[0], 2, None)
    assert only_trial(ledger).message is None


def test_no_password_reaches_the_ledger(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0))
    error = "cannot reach http://vss:geheim@host"

    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.end(claim, State.FAILED, error, f"Traceback\n{error}")

    with sa.create_engine(url).connect() as db:
        details = db.scalar(sa.select(tables.attempts.c.message))
    assert only_trial(ledger).message == "cannot reach http://vss:***@host"
    assert details == "Traceback\ncannot reach http://vss:***@host"


def test_attempts_that_no_worker_started_do_not_count(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    for _ in range(2):
        with ledger.driver() as driver:
            driver.claim(ids(0))

    assert only_trial(ledger).attempts == 0


@pytest.mark.slow
def test_claim_whose_confirmation_was_lost_can_be_made_again(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        driver.claim(ids(0))

        (open_trial,) = driver.open_trials("study")
        (claim,) = driver.claim([open_trial.trial_id])

        assert claim.attempt == 2
        assert driver.open_trials("study", held=ids(0)) == []


def test_next_driver_forgets_killed_ones(ledger: Ledger, url: str) -> None:
    make_lost_driver(ledger)
    change_driver(url, pid=2**22 - 3)  # no such process
    far_away = make_lost_driver(ledger)
    change_driver(url, host="elsewhere")

    with ledger.driver() as driver, sa.create_engine(url).connect() as db:
        driver_ids = set(db.scalars(sa.select(tables.drivers.c.driver)))

    assert driver_ids == {far_away.driver_id, driver.driver_id}


def test_driver_that_was_unregistered_registers_again(ledger: Ledger, url: str) -> None:
    with ledger.driver() as driver:
        with sa.create_engine(url).begin() as db:
            db.execute(sa.delete(tables.drivers))

        driver.touch()

        with sa.create_engine(url).connect() as db:
            assert db.scalar(sa.select(tables.drivers.c.driver)) == driver.driver_id


@pytest.mark.slow
def test_a_thousand_trials_are_recorded_and_claimed(ledger: Ledger) -> None:
    """Databases limit the length of a list of values; this one is longer."""
    ledger.add(STUDY, members(*range(1000)))

    with ledger.driver() as driver:
        assert len(driver.claim(ids(*range(1000)))) == 1000
