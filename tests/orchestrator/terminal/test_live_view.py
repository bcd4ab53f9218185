"""The live view."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.ledger.ledger import Ledger, Member, State, TrialStatus
from orchestrator.settings import Settings
from orchestrator.terminal.live_view import LiveView, experiment_table, seconds_left, trial_table
from tests.conftest import tiny


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
    shown = text(trial_table([trial(state=State.RUNNING, step=30, loss=0.5, miou=0.25)]))

    assert all(part in shown for part in ("cell 0", "RUNNING", "30/100", "0.500", "0.250"))


def test_finished_trial_has_all_its_steps() -> None:
    assert "100/100" in text(trial_table([trial(state=State.FINISHED, step=97)]))


def test_failed_trial_says_why() -> None:
    assert "bad image" in text(trial_table([trial(state=State.FAILED, message="bad image")]))


def test_message_with_brackets_is_shown_as_it_is() -> None:
    assert "a [red] thing" in text(
        trial_table([trial(state=State.FAILED, message="a [red] thing")])
    )


def test_time_left_follows_from_the_pace_of_this_attempt() -> None:
    now = datetime.now(UTC)
    running = trial(
        state=State.RUNNING, first_step=50, step=60, heartbeat_at=now,
        started_at=now - timedelta(seconds=20),
    )  # fmt: skip

    assert seconds_left(running) == pytest.approx(80, abs=1)


def test_time_left_is_not_known_before_the_first_step() -> None:
    now = datetime.now(UTC)

    assert seconds_left(trial(state=State.RUNNING, started_at=now, heartbeat_at=now)) is None


def test_what_moves_is_shown_when_not_all_fit() -> None:
    many = [trial(n) for n in range(50)]
    many[40] = trial(40, state=State.RUNNING)

    shown = text(trial_table(many, room=5))

    assert "cell 40" in shown
    assert "and 45 more" in shown
    assert "50 trials: 49 pending, 1 running" in shown


def test_experiments_are_counted() -> None:
    from orchestrator.ledger.ledger import ExperimentStatus

    status = ExperimentStatus("s", "", "", "a", None, datetime.now(UTC), {State.FAILED: 3})

    assert "3" in text(experiment_table([status]))
    assert "no experiment yet" in text(experiment_table([]))


@pytest.fixture
def ledger(settings: Settings, tmp_path: Path) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    ledger.add("study", [Member("a", tiny(), "f" * 64)])
    return ledger


def test_without_a_terminal_changes_are_plain_lines(ledger: Ledger) -> None:
    console = Console(file=io.StringIO(), width=200)

    with LiveView(ledger, "study", console, ["Ray dashboard: here"]), ledger.driver() as driver:
        (claim,) = driver.claim([tiny().trial_id])
        driver.start(claim, 0, None)
        driver.end(claim, State.FAILED, "bad image", None)

    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "Ray dashboard: here"
    assert lines[-1] == "[0/1] FAILED    a, seed 0: bad image"


def test_on_a_terminal_the_table_is_drawn(ledger: Ledger) -> None:
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)

    with LiveView(ledger, "study", console) as view:
        view.note_once("a note")
        view.note_once("a note")

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "PENDING" in shown
    assert "a note" in shown


def test_a_failing_ledger_does_not_hide_the_error_of_the_run(ledger: Ledger) -> None:
    console = Console(file=io.StringIO())

    with pytest.raises(ZeroDivisionError), LiveView(ledger, "study", console):
        _ = 1 / 0
