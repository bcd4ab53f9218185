"""Trials and experiments as tables on a terminal."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.terminal.trial_tables import (
    build_experiment_table,
    build_trial_table,
    seconds_left,
)


def trial(number: int = 0, **changes: Any) -> TrialStatus:
    values: dict[str, Any] = {
        "trial_id": f"{number:012d}", "cell": f"cell {number}", "seed": 0,
        "settings": {"steps": 100}, "state": State.PENDING, "attempts": 0, "message": None,
        "run_id": None, "step": 0, "loss": None, "miou": None, "first_step": 0,
        "started_at": None, "heartbeat_at": None,
    }  # fmt: skip
    return TrialStatus(**{**values, **changes})


def text(renderable: Any, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_row_shows_state_step_loss_and_score() -> None:
    table = text(build_trial_table([trial(state=State.RUNNING, step=30, loss=0.5, miou=0.25)]))

    assert all(part in table for part in ("cell 0", "RUNNING", "30/100", "0.500", "0.250"))


def test_finished_trial_has_all_its_steps() -> None:
    assert "100/100" in text(build_trial_table([trial(state=State.FINISHED, step=97)]))


def test_failed_trial_shows_its_message() -> None:
    assert "bad image" in text(build_trial_table([trial(state=State.FAILED, message="bad image")]))


def test_brackets_in_a_message_are_printed_literally() -> None:
    assert "a [red] thing" in text(
        build_trial_table([trial(state=State.FAILED, message="a [red] thing")])
    )


def test_time_left_follows_from_the_pace_of_the_current_attempt() -> None:
    now = datetime.now(UTC)
    running = trial(
        state=State.RUNNING, first_step=50, step=60, heartbeat_at=now,
        started_at=now - timedelta(seconds=20),
    )  # fmt: skip

    assert seconds_left(running) == pytest.approx(80, abs=1)


def test_time_left_is_unknown_before_the_first_step() -> None:
    now = datetime.now(UTC)

    assert seconds_left(trial(state=State.RUNNING, started_at=now, heartbeat_at=now)) is None


def test_running_trials_are_shown_first_if_not_all_fit() -> None:
    trials = [trial(n) for n in range(50)]
    trials[40] = trial(40, state=State.RUNNING)

    table = text(build_trial_table(trials, room=5))

    assert "cell 40" in table
    assert "and 45 more" in table
    assert "50 trials: 49 pending, 1 running" in table


def test_experiments_show_their_number_of_trials_in_each_state() -> None:
    status = ExperimentStatus("s", "", "", "a", None, datetime.now(UTC), {State.FAILED: 3})

    assert "3" in text(build_experiment_table([status]))
    assert "no experiments yet" in text(build_experiment_table([]))
