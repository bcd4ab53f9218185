"""The search as a stage of the driver: workers that train nothing, and a small fake of Ray Tune."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.job import Job, Outcome
from orchestrator.execution.planned_look import choose_look
from orchestrator.execution.stages.tuning import stage
from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.spec.tuning.tune import Tune
from orchestrator.stores import Stores
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import STUDENT_SPEC, FakeRay, run, run_name, states
from vss.trial_directory import STOPPED_STATE

pytestmark = pytest.mark.usefixtures("tracker", "ray_tune")
RATES = [0.01, 0.02, 0.03]
TUNE = """tune:
  search: {learning_rate: [0.01, 0.02, 0.03]}
  samples: 3
  steps: 3
"""
LAST = "memory, sample 2"
BEST = {"fcn": 0.02, "tma": 0.03}  # head -> its best learning rate


class FixedRates:
    """Proposes the same rates in every cell; the better half of an odd number goes on."""

    def propose(self, tune: Tune, scores: Sequence[float]) -> list[dict[str, Any]]:
        return [{"learning_rate": rate} for rate in RATES]

    def find_survivors(self, steps: int, milestone: int, scores: Sequence[float]) -> list[int]:
        ranked = sorted(range(len(scores)), key=lambda n: -scores[n])
        return sorted(ranked[: (len(scores) + 1) // 2])

    def close(self) -> None:
        pass


@pytest.fixture
def ray_tune(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "RayTune", FixedRates)


@pytest.fixture
def ledger(target: RunTarget) -> Ledger:
    return Ledger(target.settings.ledger_url)


@pytest.fixture
def plan(write_spec: SpecWriter) -> Callable[..., Experiment]:
    def load(changes: str = "", spec: str = TINY_SPEC) -> Experiment:
        return load_spec(write_spec(f"{spec}{TUNE}{changes}"))

    return load


def score(job: Job, start: int = 1) -> Outcome:
    """Score a trial by how close its learning rate is to the best one of its head."""
    config = job.inputs.config
    return Outcome(State.FINISHED, score=1 - abs(config.learning_rate - BEST[config.head]))


def rates(ledger: Ledger) -> dict[str, set[float]]:
    """Return cell -> the learning rates of its trials of the study."""
    by_cell: dict[str, set[float]] = {}
    for trial in ledger.trials("tiny"):
        by_cell.setdefault(trial.cell, set()).add(trial.settings["learning_rate"])
    return by_cell


@pytest.mark.slow
def test_study_is_trained_with_what_the_search_of_each_cell_has_found(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    with fake_ray(score) as fake:
        submission = run(plan(), target)

    assert states(submission) == ["FINISHED"] * 4
    assert rates(ledger) == {"image": {0.02}, "memory": {0.03}}
    assert len(fake.starts) == 2 * (3 + 2)


@pytest.mark.slow
def test_samples_are_scored_on_val_with_seeds_of_their_own(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay
) -> None:
    jobs: list[Job] = []

    with fake_ray(lambda job, start: jobs.append(job) or score(job)):
        run(plan(), target)

    configs = [job.inputs.config for job in jobs]
    samples = configs[:6]
    assert {config.scored_split for config in samples} == {"val"}
    assert {config.steps for config in samples} == {3}
    assert {config.seed for config in samples} == {1_000_000, 1_000_001, 1_000_002}
    assert {(c.scored_split, c.steps, c.seed) for c in configs[6:]} == {
        ("test", 4, 0), ("test", 4, 1),
    }  # fmt: skip
    assert run_name(jobs[0]) == "image, sample 0"
    assert jobs[0].tracking is not None
    assert jobs[0].tracking.tags == {"search/tiny": "image"}


@pytest.mark.slow
def test_interrupted_search_goes_on_and_a_finished_one_is_not_repeated(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    def die(job: Job, start: int) -> Outcome:
        if job.inputs.config.seed == 1_000_002:
            raise ZeroDivisionError
        return score(job)

    with pytest.raises(ZeroDivisionError), fake_ray(die) as first:
        run(plan(), target)
    with fake_ray(score) as second:
        run(plan(), target)
    with fake_ray(score) as third:
        submission = run(plan(), target)

    assert len(first.starts.keys() & second.starts.keys()) == 1
    assert not third.starts
    assert states(submission) == ["FINISHED"] * 4


@pytest.mark.slow
def test_experiments_share_the_samples_of_the_same_search(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    with fake_ray(score):
        run(plan(), target)

    with fake_ray(score) as fake:
        run(plan(spec=TINY_SPEC.replace("name: tiny", "name: other")), target)

    assert not fake.starts
    assert len(ledger.trials("other", with_samples=True)) == 10


@pytest.mark.slow
def test_failed_sample_is_not_found_and_does_not_fail_the_study(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    def diverge(job: Job, start: int) -> Outcome:
        if job.inputs.config.learning_rate == 0.03:
            return Outcome(State.FAILED, "the loss is nan")
        return score(job)

    with fake_ray(diverge):
        submission = run(plan("resources: {on_failure: stop}\n"), target)
    with fake_ray(diverge) as again:
        run(plan("resources: {on_failure: stop}\n"), target)

    assert submission.exit_code == 0
    assert rates(ledger) == {"image": {0.02}, "memory": {0.02}}
    assert not again.starts


@pytest.mark.slow
def test_asha_trains_the_best_samples_further_from_their_state(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay
) -> None:
    jobs: list[Job] = []

    with fake_ray(lambda job, start: jobs.append(job) or score(job)):
        run(plan("  scheduler: asha\n  cells: [image]\n"), target)

    samples = [job for job in jobs if job.inputs.config.seed >= 1_000_000]
    assert [(j.inputs.config.seed % 10, j.inputs.config.last_step) for j in samples] == [
        (0, 1), (1, 1), (2, 1), (0, 3), (1, 3),
    ]  # fmt: skip
    assert samples[0].inputs.stopped_state is None
    state = samples[-1].inputs.stopped_state
    assert state is not None
    assert state.parent.name == samples[1].trial_id


@pytest.mark.slow
def test_states_of_stopped_samples_are_removed_when_the_search_is_over(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay
) -> None:
    folder = target.settings.storage.folder
    assert folder is not None
    left_by_study: list[list[Path]] = []

    def leave_state(job: Job, start: int) -> Outcome:
        state = folder / job.trial_id / STOPPED_STATE
        if job.inputs.config.stop_step:
            state.parent.mkdir(parents=True)
            state.touch()
        elif job.inputs.config.seed < 1_000_000:
            left_by_study.append(list(folder.rglob(STOPPED_STATE)))
        return score(job)

    with fake_ray(leave_state):
        run(plan("  scheduler: asha\n  cells: [image]\n"), target)

    assert len(left_by_study[-1]) == 3
    assert not list(folder.rglob(STOPPED_STATE))


@pytest.mark.slow
def test_cells_can_be_trained_with_common_settings_too(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    with fake_ray(score):
        run(plan("  with_common: true\n"), target)

    assert rates(ledger) == {
        "image": {0.02}, "image common": {0.001}, "memory": {0.03}, "memory common": {0.001},
    }  # fmt: skip


@pytest.mark.slow
def test_common_settings_that_were_found_are_trained_once(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    spec = TINY_SPEC.replace("learning_rate: 1e-3", "learning_rate: 0.02")

    with fake_ray(score) as fake:
        run(plan("  with_common: true\n  cells: [image]\n", spec), target)

    assert rates(ledger) == {"image": {0.02}, "memory": {0.02}}
    assert len(fake.starts) == 3 + 2 + 2


@pytest.mark.slow
def test_students_are_searched_with_their_tuned_teacher(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    names: list[str] = []

    with fake_ray(lambda job, start: names.append(run_name(job)) or score(job)):
        submission = run(plan(spec=STUDENT_SPEC), target)

    assert states(submission) == ["FINISHED"] * 6
    assert names.index("big, seed 0") < names.index("student, sample 0")
    teachers = {t.trial_id for t in ledger.trials("tiny") if t.cell == "big"}
    students = [t for t in ledger.trials("tiny", with_samples=True) if t.cell == "student"]
    assert {t.settings["teacher"] for t in students} == teachers


@pytest.mark.slow
def test_cell_whose_samples_all_failed_is_not_trained(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    def script(job: Job, start: int) -> Outcome:
        if job.inputs.config.head == "tma":
            return Outcome(State.FAILED, "the loss is nan")
        return score(job)

    with fake_ray(script):
        submission = run(plan(), target)

    assert rates(ledger) == {"image": {0.02}}
    assert states(submission) == ["FINISHED"] * 2 + ["FAILED"] * 3
    assert submission.exit_code == 1


@pytest.mark.slow
def test_later_looks_have_the_settings_that_were_found(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay
) -> None:
    stores = Stores(target.settings)
    spec = TINY_SPEC.replace("seeds: [0, 1]", "seeds: {from: 3, to: 5}")
    experiment = choose_look(plan(spec=spec), None, stores)
    assert experiment.tuning is not None
    searching = stage.TuningStage(experiment, experiment.tuning)

    before = searching.resume(experiment, stores)
    with fake_ray(score):
        run(choose_look(plan(spec=spec), 1, stores), target)
    after = searching.resume(experiment, stores)

    assert not before.later_trials
    assert [(t.cell, t.config.seed, t.config.learning_rate) for t in after.later_trials] == [
        ("image", 3, 0.02), ("image", 4, 0.02), ("memory", 3, 0.03), ("memory", 4, 0.03),
    ]  # fmt: skip


@pytest.mark.slow
def test_cancelled_sample_keeps_its_cell_waiting_until_the_next_submit(
    plan: Callable[..., Experiment], target: RunTarget, fake_ray: FakeRay, ledger: Ledger
) -> None:
    cancelled: list[str] = []

    def script(job: Job, start: int) -> Outcome:
        if not cancelled:
            (trial,) = (t for t in ledger.trials("tiny", with_samples=True) if t.name == LAST)
            cancelled.append(trial.trial_id)
            ledger.upkeep.cancel_trials(cancelled)
        return score(job)

    with fake_ray(script):
        first = run(plan(), target)
    with fake_ray(score):
        second = run(plan(), target)

    assert first.exit_code == 1
    assert rates(ledger) == {"image": {0.02}, "memory": {0.03}}
    assert states(second) == ["FINISHED"] * 4
