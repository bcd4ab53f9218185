"""Trials that fail under the driver: what is tried again, and what stops."""

import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.job import (
    Failure,
    Job,
    Outcome,
    SlotSize,
)
from orchestrator.ledger.entries import State
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import (
    CHAIN_SPEC,
    LOST,
    STUDENT_SPEC,
    FakeRay,
    run,
    run_name,
    states,
)

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.mark.slow
def test_lost_worker_is_replaced_once_by_default(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    with fake_ray(lambda job, n: LOST if n == 1 else Outcome(State.FINISHED)) as fake:
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert set(fake.starts.values()) == {2}
    assert [t.attempts for t in submission.trials] == [2] * 4


@pytest.mark.slow
def test_spec_limits_the_retries(
    target: RunTarget, fake_ray: FakeRay, write_spec: SpecWriter
) -> None:
    spec = load_spec(write_spec(TINY_SPEC + "resources: {retries: 2}\n"))

    with fake_ray(lambda job, n: LOST) as fake:
        submission = run(spec, target)

    assert states(submission) == ["FAILED"] * 4
    assert set(fake.starts.values()) == {3}
    assert submission.trials[0].message == "the worker was lost"


@pytest.mark.slow
def test_failed_teacher_fails_its_student_by_name(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    def unlucky(job: Job, n: int) -> Outcome:
        bad = run_name(job) == "big, seed 1"
        return Outcome(State.FAILED, "bad luck") if bad else Outcome(State.FINISHED)

    with fake_ray(unlucky) as fake:
        submission = run(load_spec(write_spec(STUDENT_SPEC)), target)

    by_name = {f"{t.cell}, seed {t.seed}": t for t in submission.trials}
    assert by_name["student, seed 0"].state == "FINISHED"
    assert by_name["student, seed 1"].state == "FAILED"
    assert by_name["student, seed 1"].message == "its teacher failed: big, seed 1"
    assert len(fake.starts) == 5


@pytest.mark.slow
def test_failure_reaches_the_end_of_a_chain(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    def unlucky(job: Job, n: int) -> Outcome:
        bad = run_name(job) == "first, seed 1"
        return Outcome(State.FAILED, "bad luck") if bad else Outcome(State.FINISHED)

    with fake_ray(unlucky) as fake:
        submission = run(load_spec(write_spec(CHAIN_SPEC)), target)

    messages = {f"{t.cell}, seed {t.seed}": t.message for t in submission.trials}
    assert messages == {
        "last, seed 0": None, "middle, seed 0": None, "first, seed 0": None,
        "last, seed 1": "the trial that trains its weights failed: middle, seed 1",
        "middle, seed 1": "the trial that trains its weights failed: first, seed 1",
        "first, seed 1": "bad luck",
    }  # fmt: skip
    assert len(fake.starts) == 4


@pytest.mark.slow
def test_failure_stops_the_experiment_if_the_spec_says_so(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    spec = load_spec(write_spec(TINY_SPEC + "resources: {on_failure: stop}\n"))

    with fake_ray(lambda job, n: Outcome(State.FAILED, "bad luck", failure=Failure.FINAL)) as fake:
        submission = run(spec, target)

    assert len(fake.starts) == 1
    assert states(submission) == ["FAILED", "PENDING", "PENDING", "PENDING"]
    assert submission.exit_code == 1


@pytest.mark.slow
def test_trial_out_of_memory_is_tried_once_more_with_a_device_of_its_own(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    full = Outcome(State.FAILED, "needs 9 GiB", failure=Failure.OUT_OF_MEMORY)
    first = experiment.trials[0].trial_id
    sizes: list[SlotSize] = []

    def script(job: Job, n: int) -> Outcome:
        if job.trial_id != first:
            return Outcome(State.FINISHED)
        sizes.append(job.size)
        return full

    with fake_ray(script):
        submission = run(experiment, target)

    assert sizes == [SlotSize(1, 0), SlotSize(8, 0)]
    assert states(submission) == ["FAILED", "FINISHED", "FINISHED", "FINISHED"]
    assert submission.trials[0].message == "needs 9 GiB"
