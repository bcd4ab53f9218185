"""How a submit ended."""

import pytest

from orchestrator.execution.handover.submission import Ending, Submission
from orchestrator.ledger.entries import State
from tests.orchestrator.terminal.test_trial_tables import trial


def test_interrupted_submit_says_what_is_left_and_how_to_resume() -> None:
    trials = [
        trial(state=State.FINISHED),
        trial(state=State.PENDING, step=202, settings={"steps": 600}),
        trial(state=State.PENDING),
    ]
    submission = Submission(trials, Ending.INTERRUPTED)

    rest = submission.describe_rest("study", ["submit", "a b.yaml", "steps=600"])

    assert rest.startswith("1 trial stopped at step 202 of 600, 1 pending; resume with: ")
    assert rest.endswith("vss-orch submit 'a b.yaml' steps=600")


def test_trials_that_stopped_at_the_same_step_are_told_in_one_number() -> None:
    stopped = trial(state=State.PENDING, step=202, settings={"steps": 600})

    rest = Submission([stopped, stopped], Ending.INTERRUPTED).describe_rest("study", ["submit"])

    assert rest.startswith("2 trials stopped at step 202 of 600; resume with: ")


@pytest.mark.parametrize(
    ("states", "ending", "code"),
    [
        ([State.FINISHED], Ending.OVER, 0),
        ([State.FINISHED, State.FAILED], Ending.OVER, 1),
        ([State.FINISHED, State.CANCELLED], Ending.OVER, 1),
        ([State.PENDING], Ending.INTERRUPTED, 130),
        ([State.FINISHED], Ending.LEFT, 130),
    ],
)
def test_exit_code_tells_how_a_submit_ended(states: list[State], ending: Ending, code: int) -> None:
    assert Submission([trial(state=state) for state in states], ending).exit_code == code
