"""The time that trials and experiments will still take."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.terminal.time_left import (
    experiment_seconds_left,
    format_seconds,
    seconds_left,
)
from tests.orchestrator.terminal.test_trial_tables import trial


def running(seconds: float, steps: int, **changes: Any) -> TrialStatus:
    """Return a trial that made its steps in the last `seconds`."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "state": State.RUNNING, "step": changes.get("first_step", 0) + steps,
        "started_at": now - timedelta(seconds=seconds), "heartbeat_at": now,
    }  # fmt: skip
    return trial(**{**values, **changes})


def finished(seconds: float, **changes: Any) -> TrialStatus:
    """Return a trial of 100 steps that took `seconds`."""
    now = datetime.now(UTC)
    started_at = now - timedelta(seconds=seconds)
    return trial(state=State.FINISHED, started_at=started_at, ended_at=now, **changes)


def test_time_left_follows_from_the_pace_of_the_current_attempt() -> None:
    assert seconds_left(running(20, steps=10, first_step=50)) == pytest.approx(80, abs=1)


def test_time_left_is_unknown_before_the_first_step() -> None:
    assert seconds_left(running(20, steps=0)) is None


def test_experiment_shares_its_trials_among_the_slots_that_are_busy() -> None:
    trials = [running(10, steps=50), running(10, steps=50), trial(), trial()]

    # 2 x 10 s for the running ones and 2 x 20 s for the others, in two slots
    assert experiment_seconds_left(trials) == pytest.approx(30, abs=1)


def test_experiment_takes_at_least_as_long_as_its_longest_trial() -> None:
    trials = [running(10, steps=10), running(10, steps=90)]

    assert experiment_seconds_left(trials) == pytest.approx(90, abs=1)


def test_pending_trial_is_expected_to_be_as_fast_as_its_cell() -> None:
    fast, slow = finished(10, cell="fast"), finished(100, cell="slow")
    trials = [fast, slow, running(10, steps=50, cell="fast"), trial(cell="slow")]

    assert experiment_seconds_left(trials) == pytest.approx(110, abs=1)


def test_time_left_of_an_experiment_is_unknown_while_nothing_runs() -> None:
    assert experiment_seconds_left([finished(10), trial()]) is None
    assert experiment_seconds_left([running(1, steps=0)]) is None


def test_trials_that_a_budget_keeps_from_starting_take_no_time() -> None:
    trials = [running(10, steps=50), *(trial() for _ in range(9))]
    limits, hourly = {"trial_hours": 2.0}, {"trial_hours": 1.0}
    used_up = BudgetStatus(limits, {"trial_hours": 2.0}, hourly)
    for_15_seconds = BudgetStatus(limits, {"trial_hours": 2 - 15 / 3600}, hourly)
    ample = BudgetStatus(limits, {"trial_hours": 0.0}, hourly)

    assert experiment_seconds_left(trials, used_up) == pytest.approx(10, abs=1)
    # the last trial starts after at most 15 s and takes 20 s
    assert experiment_seconds_left(trials, for_15_seconds) == pytest.approx(35, abs=1)
    assert experiment_seconds_left(trials, ample) == pytest.approx(190, abs=1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (7.6, "0:08"), (3599, "59:59"), (90_061, "25:01:01")]
)
def test_times_are_written_like_a_clock(seconds: float | None, text: str) -> None:
    assert format_seconds(seconds) == text
