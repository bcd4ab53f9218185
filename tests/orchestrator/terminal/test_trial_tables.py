"""The trials of an experiment as a table on a terminal."""

import io
from typing import Any

from rich.console import Console

from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.terminal.trial_tables import build_trial_table


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


def test_columns_without_any_value_are_left_out() -> None:
    table = text(build_trial_table([trial()]))

    assert "loss" not in table
    assert "mIoU" not in table
    assert "attempts" not in table


def test_cells_are_readable_on_a_narrow_screen() -> None:
    running = trial(state=State.RUNNING, step=1, loss=0.5, miou=0.2, score=0.3, attempts=2)

    assert "cell 0" in text(build_trial_table([running], show_ids=True), width=80)


def test_finished_trial_shows_its_score_on_the_scored_split() -> None:
    finished = trial(state=State.FINISHED, score=0.4321, settings={"steps": 4})
    on_val = trial(state=State.FINISHED, score=0.4321, settings={"steps": 4, "scored_split": "val"})

    assert "0.432" in text(build_trial_table([finished]))
    assert "test" in text(build_trial_table([finished]))
    assert "final" in text(build_trial_table([on_val]))


def test_ids_are_shown_on_request() -> None:
    assert "000000000007" in text(build_trial_table([trial(7)], show_ids=True))
    assert "000000000007" not in text(build_trial_table([trial(7)]))


def test_running_trials_are_shown_first_if_not_all_fit() -> None:
    trials = [trial(n) for n in range(50)]
    trials[40] = trial(40, state=State.RUNNING)

    table = text(build_trial_table(trials, room=5))

    assert "cell 40" in table
    assert "and 45 more" in table
    assert "50 trials: 49 pending, 1 running" in table
