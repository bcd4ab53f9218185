"""A submit of an experiment that another driver runs."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.handover.submission import Ending
from orchestrator.execution.job import Outcome, SlotSize
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from tests.orchestrator.execution.fakes import FakeRay, quiet, record, run, states
from vss.errors import UserError

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.fixture
def driver(experiment: Experiment, target: RunTarget) -> Iterator[Driver]:
    """Yield a driver that runs the experiment."""
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)
    with ledger.driver() as driver:
        assert driver.take_lease("tiny")
        yield driver


@contextmanager
def soon(act: Callable[[], object]) -> Iterator[None]:
    """Do something a second after the block has begun."""
    timer = threading.Timer(1.0, act)
    timer.start()
    yield
    timer.join()


def finish(driver: Driver, experiment: Experiment, count: int) -> None:
    """Finish some trials, and end the driver."""
    trial_ids = [trial.trial_id for trial in experiment.trials[:count]]
    for claim in driver.claim(trial_ids):
        driver.end(claim, State.FINISHED)
    driver.release_claims()


@pytest.mark.slow
def test_second_submit_follows_until_the_experiment_is_over(
    experiment: Experiment, target: RunTarget, driver: Driver, fake_ray: FakeRay
) -> None:
    console = quiet()

    with soon(lambda: finish(driver, experiment, 4)), fake_ray(lambda job, n: fail()) as fake:
        submission = run(experiment, target, console)

    assert (submission.ending, states(submission)) == (Ending.OVER, ["FINISHED"] * 4)
    assert not fake.starts
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"attached to a submit on {os.uname().nodename} (process {os.getpid()})" in text
    assert "measuring" not in text


@pytest.mark.slow
def test_submit_that_another_one_overtakes_gives_its_slots_back(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its idle slots might be the only ones of the cluster."""
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)

    def lose_the_lease(size: SlotSize, job_count: int) -> int:
        assert other.take_lease("tiny")
        return 1

    with (
        ledger.driver() as other,
        soon(lambda: finish(other, experiment, 4)),
        fake_ray(lambda job, n: fail()) as fake,
    ):
        monkeypatch.setattr(fake, "free_slots", lose_the_lease)
        submission = run(experiment, target)

    assert (submission.ending, fake.is_closed) == (Ending.OVER, True)


def fail() -> Outcome:
    raise AssertionError("not needed")


@pytest.mark.slow
def test_second_submit_takes_over_what_a_lost_driver_leaves(
    experiment: Experiment, target: RunTarget, driver: Driver, fake_ray: FakeRay
) -> None:
    console = quiet()

    with (
        soon(lambda: finish(driver, experiment, 1)),
        fake_ray(lambda job, n: Outcome(State.FINISHED)) as fake,
    ):
        submission = run(experiment, target, console)

    assert states(submission) == ["FINISHED"] * 4
    assert len(fake.starts) == 3
    text = (
        "that submit has ended, or has not been heard of for a minute; going on here with 3 trials"
    )
    assert text in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_second_submit_with_another_mlflow_does_not_take_over(
    experiment: Experiment, target: RunTarget, driver: Driver, fake_ray: FakeRay
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    ledger.set_experiment_run("tiny", "1" * 32)

    def leave() -> None:
        (claim,) = driver.claim([experiment.trials[0].trial_id])
        driver.start(claim, 0, "0" * 32)
        driver.end(claim, State.FINISHED)
        driver.release_claims()

    with (
        soon(leave),
        fake_ray(lambda job, n: fail()),
        pytest.raises(UserError, match="has no run of the 1 finished trial of 'tiny'"),
    ):
        run(experiment, target)

    assert ledger.experiment("tiny").run_id == "1" * 32
    assert ledger.lease("tiny") is None


@pytest.mark.slow
def test_second_submit_ends_if_the_experiment_is_cancelled(
    experiment: Experiment, target: RunTarget, driver: Driver, fake_ray: FakeRay
) -> None:
    def cancel() -> None:
        Ledger(target.settings.ledger_url).upkeep.cancel_experiment("tiny")
        driver.release_claims()

    with soon(cancel), fake_ray(lambda job, n: fail()):
        submission = run(experiment, target)

    assert (submission.ending, submission.exit_code) == (Ending.CANCELLED, 130)
    assert states(submission) == ["CANCELLED"] * 4


@pytest.mark.slow
def test_submit_after_a_cancellation_waits_for_the_driver_and_resumes(
    experiment: Experiment, target: RunTarget, driver: Driver, fake_ray: FakeRay
) -> None:
    Ledger(target.settings.ledger_url).upkeep.cancel_experiment("tiny")

    with soon(driver.release_claims), fake_ray(lambda job, n: Outcome(State.FINISHED)):
        submission = run(experiment, target)

    assert (submission.ending, states(submission)) == (Ending.OVER, ["FINISHED"] * 4)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_interrupt_of_the_second_submit_leaves_the_first_one_alone(
    experiment: Experiment, target: RunTarget, driver: Driver, fake_ray: FakeRay
) -> None:
    with soon(lambda: os.kill(os.getpid(), signal.SIGINT)), fake_ray(lambda job, n: fail()):
        submission = run(experiment, target)

    lease = Ledger(target.settings.ledger_url).lease("tiny")
    assert (submission.ending, states(submission)) == (Ending.LEFT, ["PENDING"] * 4)
    assert lease is not None
    assert (lease.driver, lease.is_cancelled) == (driver.driver_id, False)
    rest = submission.describe_rest("tiny", ["submit", "tiny.yaml"])
    assert rest.startswith("'tiny' runs on: ")
    assert rest.endswith("vss-orch cancel tiny")
