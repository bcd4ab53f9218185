"""Stages of an experiment: trials that join when the earlier ones have ended."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.job import Job, Outcome
from orchestrator.execution.stages import registration
from orchestrator.execution.stages.stage import Stages
from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import FakeRay, run, run_name, states

pytestmark = pytest.mark.usefixtures("tracker")
Plan = Callable[[str], Experiment]


class MoreSeeds:
    """A stage that adds the next seed to some of the cells, and counts how often it is asked."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.cells = cells
        self.asked = 0

    def resume(self, experiment: Experiment, stores: Stores) -> Experiment:
        names = stores.ledger.names()
        trials = stores.ledger.trials(experiment.name) if experiment.name in names else []
        return experiment.joined_by([trial.trial_id for trial in trials])

    def next_trials(self, experiment: Experiment, stores: Stores) -> Experiment | None:
        self.asked += 1
        later = [trial for trial in experiment.later_trials if trial.cell in self.cells]
        seed = min((trial.config.seed for trial in later), default=None)
        next_ids = [trial.trial_id for trial in later if trial.config.seed == seed]
        return experiment.joined_by(next_ids) if next_ids else None


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    """Seed 0 of both cells, and seeds 1 and 2 for later."""
    plan = load_spec(write_spec(TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0, 1, 2]")))
    first = tuple(trial for trial in plan.trials if trial.config.seed == 0)
    later = tuple(trial for trial in plan.trials if trial.config.seed > 0)
    return replace(plan, trials=first, later_trials=later)


@pytest.fixture
def use_stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[MoreSeeds], MoreSeeds]:
    def use(stage: MoreSeeds) -> MoreSeeds:
        monkeypatch.setattr(registration, "open_stages", lambda _, stores: Stages([stage], stores))
        return stage

    return use


def finish(job: Job, start: int) -> Outcome:
    return Outcome(State.FINISHED)


@pytest.mark.slow
def test_one_submit_runs_all_stages_and_measures_latency_once(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_stage(MoreSeeds(["memory"]))
    order: list[str] = []

    def script(job: Job, start: int) -> Outcome:
        order.append(run_name(job))
        return Outcome(State.FINISHED)

    with fake_ray(script) as fake:
        measure = fake.measure_latency
        monkeypatch.setattr(
            fake, "measure_latency", lambda *a: order.append("latency") or measure(*a)
        )
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert order[2:] == ["memory, seed 1", "memory, seed 2", "latency"]
    assert [(t.cell, t.seed) for t in submission.trials] == [
        ("image", 0), ("memory", 0), ("memory", 1), ("memory", 2),
    ]  # fmt: skip


@pytest.mark.slow
def test_another_submit_goes_on_at_the_stage_that_was_reached(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
) -> None:
    use_stage(MoreSeeds(["memory"]))
    with pytest.raises(ZeroDivisionError), fake_ray(_die_at("memory, seed 1")):
        run(experiment, target)

    with fake_ray(finish) as fake:
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert len(fake.starts) == 2


@pytest.mark.slow
def test_a_driver_that_died_between_two_stages_is_continued(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
) -> None:
    stage = use_stage(MoreSeeds([]))
    with fake_ray(finish):
        run(experiment, target)
    stage.cells = ["memory"]

    with fake_ray(finish) as fake:
        submission = run(experiment, target)

    assert len(submission.trials) == 4
    assert len(fake.starts) == 2


@pytest.mark.slow
def test_a_finished_experiment_asks_its_stages_and_runs_nothing(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
) -> None:
    use_stage(MoreSeeds(["memory"]))
    with fake_ray(finish):
        run(experiment, target)

    with fake_ray(finish) as fake:
        submission = run(experiment, target)

    assert len(submission.trials) == 4
    assert not fake.starts


@pytest.mark.slow
def test_a_failed_trial_has_ended_too(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
) -> None:
    use_stage(MoreSeeds(["memory"]))

    with fake_ray(lambda job, n: Outcome(State.FAILED, "bad luck")):
        submission = run(experiment, target)

    assert states(submission) == ["FAILED"] * 4


@pytest.mark.slow
def test_no_stage_follows_a_failure_if_the_spec_says_stop(
    write_spec: SpecWriter,
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
) -> None:
    stage = use_stage(MoreSeeds(["memory"]))
    resources = experiment.resources.model_copy(update={"on_failure": "stop"})

    with fake_ray(lambda job, n: Outcome(State.FAILED, "bad luck")):
        submission = run(replace(experiment, resources=resources), target)

    assert not stage.asked
    assert len(submission.trials) == 2


@pytest.mark.slow
def test_no_stage_follows_when_the_budget_is_used_up(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
) -> None:
    use_stage(MoreSeeds(["memory"]))
    tiny = replace(experiment, budget={"trial_hours": 1e-12})
    with fake_ray(finish):
        run(replace(experiment, later_trials=(), budget={"trial_hours": 1.0}), target)
    with fake_ray(finish) as fake:
        submission = run(tiny, target)

    assert not fake.starts
    assert len(submission.trials) == 2


@pytest.mark.slow
def test_a_second_submit_keeps_what_has_joined(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    use_stage: Callable[[MoreSeeds], MoreSeeds],
) -> None:
    """Also if it read the ledger before the first one added trials."""
    stage = use_stage(MoreSeeds(["memory"]))
    stale = stage.resume(experiment, Stores(target.settings))
    with fake_ray(finish):
        run(experiment, target)
    stage.resume = lambda experiment, stores: stale  # type: ignore[method-assign]
    stage.cells = []

    with fake_ray(finish):
        run(experiment, target)

    assert len(Ledger(target.settings.ledger_url).trials("tiny")) == 4


def _die_at(name: str) -> Callable[[Job, int], Outcome]:
    def script(job: Job, start: int) -> Outcome:
        if run_name(job) == name:
            raise ZeroDivisionError
        return Outcome(State.FINISHED)

    return script
