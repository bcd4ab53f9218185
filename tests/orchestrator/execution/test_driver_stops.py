"""What ends a driver or a trial early: signals, cancellations, budgets."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.handover.submission import Ending
from orchestrator.execution.job import (
    Job,
    Outcome,
)
from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import (
    CHAIN_SPEC,
    STUDENT_SPEC,
    FakeRay,
    quiet,
    run,
    run_name,
    states,
)

pytestmark = pytest.mark.usefixtures("tracker")


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the driver's thread has seen a request."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_first_signal_stops_and_the_same_command_resumes(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    def interrupted(job: Job, n: int) -> Outcome:
        os.kill(os.getpid(), signal.SIGINT)
        assert fake.should_stop()
        return Outcome(State.CANCELLED)

    with fake_ray(interrupted) as fake:
        stopped = run(experiment, target)
    resumed = run(experiment, target)

    assert stopped.ending == Ending.INTERRUPTED
    assert states(stopped) == ["PENDING"] * 4
    assert len(fake.starts) == 1
    assert states(resumed) == ["FINISHED"] * 4


@pytest.mark.slow
def test_cancelled_trial_stops_and_is_not_tried_again(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    first = experiment.trials[0].trial_id

    def script(job: Job, n: int) -> Outcome:
        if job.trial_id != first:
            return Outcome(State.FINISHED)
        ledger.upkeep.cancel_trials([first])
        wait_for(fake.should_stop)
        return Outcome(State.CANCELLED)

    with fake_ray(script) as fake:
        submission = run(experiment, target)
    resumed = run(experiment, target)

    assert states(submission) == ["CANCELLED", "FINISHED", "FINISHED", "FINISHED"]
    assert submission.ending == Ending.OVER
    assert fake.starts[first] == 1
    assert states(resumed) == ["FINISHED"] * 4


@pytest.mark.slow
def test_cancelling_the_experiment_ends_its_driver(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    def script(job: Job, n: int) -> Outcome:
        Ledger(target.settings.ledger_url).upkeep.cancel_experiment("tiny")
        wait_for(fake.should_stop)
        return Outcome(State.CANCELLED)

    with fake_ray(script) as fake:
        submission = run(experiment, target)

    assert (submission.ending, states(submission)) == (Ending.CANCELLED, ["CANCELLED"] * 4)
    assert len(fake.starts) == 1


@pytest.mark.slow
def test_students_of_a_cancelled_teacher_stay_pending_and_are_named(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    console = quiet()

    def script(job: Job, n: int) -> Outcome:
        if run_name(job) != "big, seed 1":
            return Outcome(State.FINISHED)
        ledger.upkeep.cancel_trials([job.trial_id])
        return Outcome(State.CANCELLED)

    with fake_ray(script):
        submission = run(load_spec(write_spec(STUDENT_SPEC)), target, console)

    by_name = {f"{t.cell}, seed {t.seed}": t.state for t in submission.trials}
    assert by_name["student, seed 0"] == "FINISHED"
    assert by_name["student, seed 1"] == "PENDING"
    text = "student, seed 1 stays pending: its teacher was cancelled (big, seed 1)"
    assert text in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_all_that_a_cancelled_trial_is_needed_for_stays_pending_and_is_named(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    console = quiet()

    def script(job: Job, n: int) -> Outcome:
        if run_name(job) != "first, seed 1":
            return Outcome(State.FINISHED)
        ledger.upkeep.cancel_trials([job.trial_id])
        return Outcome(State.CANCELLED)

    with fake_ray(script):
        submission = run(load_spec(write_spec(CHAIN_SPEC)), target, console)

    by_name = {f"{t.cell}, seed {t.seed}": t.state for t in submission.trials}
    assert (by_name["last, seed 0"], by_name["last, seed 1"]) == ("FINISHED", "PENDING")
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "middle, seed 1 stays pending: the trial that trains its weights was cancelled " in text
    assert "last, seed 1 stays pending: so does the trial that trains its weights (middle" in text


@pytest.mark.usefixtures("interruptible")
def test_second_signal_interrupts_at_once(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    def interrupted_twice(job: Job, n: int) -> Outcome:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("not reached")

    with fake_ray(interrupted_twice), pytest.raises(KeyboardInterrupt):
        run(experiment, target)

    trials = Ledger(target.settings.ledger_url).trials("tiny")
    assert trials[0].state == State.PENDING  # nobody runs it any more
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_no_trial_starts_once_the_budget_is_used_up(
    target: RunTarget, fake_ray: FakeRay, write_spec: SpecWriter
) -> None:
    limited = load_spec(write_spec(TINY_SPEC + "budget: {trial_hours: 0.000000001}\n"))
    enough = load_spec(write_spec(TINY_SPEC + "budget: {trial_hours: 1}\n"))
    console = quiet()
    with fake_ray(lambda job, n: Outcome(State.FINISHED)):
        first = run(limited, target, console)
        second = run(enough, target)

    assert sorted(states(first)) == ["FINISHED", "PENDING", "PENDING", "PENDING"]
    assert first.exit_code == 1
    assert "the budget is used up (" in console.file.getvalue()  # type: ignore[attr-defined]
    assert states(second) == ["FINISHED"] * 4
