"""Budgets, and the hours that attempts have taken."""

import math
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestrator.ledger import tables
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import ExperimentEntry, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.overview.budget_status import BudgetStatus
from tests.orchestrator.ledger.conftest import ids, members

LIMITED = ExperimentEntry("study", budget={"gpu_hours": 10.0})


def move_starts(url: str, hours: float) -> None:
    """Let all attempts have begun some hours earlier."""
    earlier = tables.now() - timedelta(hours=hours)
    with sa.create_engine(url).begin() as db:
        db.execute(sa.update(tables.attempts).values(started_at=earlier))


def budget(ledger: Ledger, name: str = "study") -> BudgetStatus:
    status = ledger.budget(name)
    assert status is not None
    return status


def test_experiment_without_a_budget_has_none(ledger: Ledger) -> None:
    ledger.add(ExperimentEntry("study"), members(0))

    assert ledger.budget("study") is None
    assert ledger.experiment("study").budget is None


def test_hours_of_all_attempts_count_times_their_gpus(ledger: Ledger, url: str) -> None:
    ledger.add(LIMITED, members(0, 1))
    with ledger.driver() as driver:
        for state in (State.PENDING, State.FINISHED):
            (claim,) = driver.claim(ids(0), "study", gpus=2.0)
            driver.start(claim, 0, None)
            driver.end(claim, state)
        (running,) = driver.claim(ids(1), "study", gpus=1.0)
        driver.start(running, 0, None)
        move_starts(url, hours=2)

    assert budget(ledger).spent["trial_hours"] == pytest.approx(6, abs=0.01)
    assert budget(ledger).spent["gpu_hours"] == pytest.approx(10, abs=0.01)


def test_time_after_a_driver_was_lost_does_not_count(ledger: Ledger, url: str) -> None:
    ledger.add(LIMITED, members(0))
    lost = Driver(sa.create_engine(url))
    (claim,) = lost.claim(ids(0), "study", gpus=1.0)
    lost.start(claim, 0, None)
    move_starts(url, hours=3)
    with sa.create_engine(url).begin() as db:
        last_heartbeat = tables.now() - timedelta(hours=2)
        db.execute(sa.update(tables.trials).values(heartbeat_at=last_heartbeat))
        db.execute(sa.update(tables.drivers).values(pid=2**22 - 3))  # no such process
    before = budget(ledger).spent["gpu_hours"]
    with ledger.driver() as driver:
        driver.claim(ids(0), "study", gpus=1.0)

    assert before == pytest.approx(1, abs=0.01)
    assert budget(ledger).spent["gpu_hours"] == pytest.approx(1, abs=0.01)


def test_shared_trial_counts_for_the_experiment_that_ran_it(ledger: Ledger, url: str) -> None:
    ledger.add(LIMITED, members(0))
    ledger.add(ExperimentEntry("another", budget={"trial_hours": 1.0}), members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0), "another")
        driver.start(claim, 0, None)
        driver.end(claim, State.FINISHED)
    move_starts(url, hours=2)

    assert budget(ledger).spent["trial_hours"] == 0
    assert budget(ledger, "another").is_used_up


def test_used_up_budget_names_the_limit_to_raise() -> None:
    status = BudgetStatus(
        {"gpu_hours": 200.0, "trial_hours": 500.0}, {"gpu_hours": 201.25, "trial_hours": 30.0}
    )

    assert status.is_used_up
    assert status.explain_used_up() == (
        "the budget is used up (201.2 of 200 GPU hours, 30 of 500 trial hours): no further trial "
        "starts; raise budget.gpu_hours and submit again to go on"
    )


def test_resubmit_changes_the_budget_and_keeps_what_is_spent(ledger: Ledger, url: str) -> None:
    ledger.add(ExperimentEntry("study", budget={"trial_hours": 1.0}), members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0), "study")
        driver.start(claim, 0, None)
        driver.end(claim, State.FINISHED)
    move_starts(url, hours=2)
    ledger.add(ExperimentEntry("study", budget={"trial_hours": 3.0}), members(0))

    assert not budget(ledger).is_used_up
    assert str(budget(ledger)) == "2 of 3 trial hours"


def test_time_left_of_a_budget_follows_from_what_runs_now(ledger: Ledger, url: str) -> None:
    ledger.add(LIMITED, members(0, 1, 2))
    with ledger.driver() as driver:
        for claim in driver.claim(ids(0, 1, 2), "study", gpus=2.0):
            driver.start(claim, 0, None)
        driver.end(claim, State.FINISHED)
        move_starts(url, hours=1)
        running = budget(ledger)

    assert running.hours_left == pytest.approx(1, abs=0.01)  # 4 of 10 hours, at 4 GPUs


def test_budget_lasts_for_ever_while_nothing_runs() -> None:
    limits = {"gpu_hours": 200.0}

    assert BudgetStatus(limits, {"gpu_hours": 10.0}).hours_left == math.inf
    assert BudgetStatus(limits, {"gpu_hours": 200.0}).hours_left == 0
