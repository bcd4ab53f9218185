"""The decision whether a failed trial is tried again."""

import pytest

from orchestrator.execution.job import Failure, Outcome
from orchestrator.execution.trials.retries import Retries
from orchestrator.ledger.entries import State


def lose(retries: Retries, first_step: int) -> State:
    """Start an attempt at a step and lose its worker; return the trial's state."""
    retries.note_start("trial", first_step)
    return retries.next_state("trial", Outcome(State.FAILED, failure=Failure.TRANSIENT))


def run_out_of_memory(retries: Retries) -> State:
    return retries.next_state("trial", Outcome(State.FAILED, failure=Failure.OUT_OF_MEMORY))


def test_lost_worker_is_replaced_as_long_as_the_trial_gets_further() -> None:
    retries = Retries(limit=1)

    states = [lose(retries, first_step) for first_step in (0, 20, 40, 60, 60)]

    assert states == [State.PENDING] * 4 + [State.FAILED]


def test_attempts_that_start_again_at_the_same_step_are_limited() -> None:
    retries = Retries(limit=2)

    assert [lose(retries, 0) for _ in range(3)] == [State.PENDING, State.PENDING, State.FAILED]


def test_going_back_is_no_progress() -> None:
    retries = Retries(limit=1)

    assert [lose(retries, step) for step in (20, 0)] == [State.PENDING, State.FAILED]


def test_worker_that_is_lost_before_it_starts_counts() -> None:
    retries = Retries(limit=1)
    lost = Outcome(State.FAILED, failure=Failure.TRANSIENT)

    assert [retries.next_state("trial", lost) for _ in range(2)] == [State.PENDING, State.FAILED]


def test_trial_out_of_memory_gets_one_attempt_alone_on_its_device() -> None:
    retries = Retries(limit=5)

    first = run_out_of_memory(retries)
    alone = set(retries.alone)
    second = run_out_of_memory(retries)

    assert (first, alone, second) == (State.PENDING, {"trial"}, State.FAILED)


@pytest.mark.parametrize("failure", [Failure.TRANSIENT, Failure.OUT_OF_MEMORY])
def test_without_retries_every_failure_is_final(failure: Failure) -> None:
    retries = Retries(limit=0)

    assert retries.next_state("trial", Outcome(State.FAILED, failure=failure)) == State.FAILED


def test_bug_is_final_at_once() -> None:
    retries = Retries(limit=5)

    state = retries.next_state("trial", Outcome(State.FAILED, failure=Failure.FINAL))

    assert state == State.FAILED
    assert retries.any_final


@pytest.mark.parametrize("state", [State.FINISHED, State.CANCELLED])
def test_other_ends_are_no_failures(state: State) -> None:
    assert Retries(limit=0).next_state("trial", Outcome(state)) == state
