"""Looks as stages: cells whose verdict is open get more seeds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.job import Job, Outcome
from orchestrator.execution.planned_look import choose_look
from orchestrator.execution.stages.looks import find_next_trials
from orchestrator.ledger.entries import ExperimentStatus, State
from orchestrator.results import records
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.spec.looks import find_look
from orchestrator.stores import Stores
from reports.records import ExperimentRecord, RunRecord
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import FakeRay, run, run_name, states
from tests.reports.conftest import finished_run, record

LOOKS = (3, 5, 7, 10)
SPEC = TINY_SPEC.replace("seeds: [0, 1]", "seeds: {from: 3, to: 10}").replace(
    "  image: {head: fcn}\n",
    "  image: {head: fcn}\n"
    "  clear: {head: fcn, width: 16}\n"
    "  student: {head: fcn, teacher: clear, distillation_weight: 1}\n",
)
GAINS = {"clear": 0.2}  # all other cells are ties
NOISE = np.random.default_rng(0).normal(size=(4, 10))


def score(cell: str, seed: int) -> float:
    row = ["image", "clear", "student", "memory"].index(cell)
    return float(0.5 + GAINS.get(cell, 0) + 0.004 * NOISE[row, seed])


def scored(seeds: Mapping[str, int]) -> ExperimentRecord:
    """Make a record in which each cell has some number of finished seeds."""
    runs = [
        finished_run(cell, seed, score(cell, seed))
        for cell, count in seeds.items()
        for seed in range(count)
    ]
    return record(runs, looks=LOOKS, look=LOOKS.index(max(seeds.values())) + 1)


def reached(experiment: Experiment, seeds: Mapping[str, int]) -> Experiment:
    """Return the experiment at the place where each cell has some number of seeds."""
    joined = {t.trial_id for t in experiment.later_trials if t.config.seed < seeds[t.cell]}
    return experiment.joined_by(joined)


@pytest.fixture
def plan(write_spec: SpecWriter) -> Experiment:
    experiment = load_spec(write_spec(SPEC))
    first = experiment.at_look(1)
    later = tuple(t for t in experiment.trials if t.trial_id not in first.trial_by_id)
    return replace(first, later_trials=later)


def next_seeds(experiment: Experiment, results: ExperimentRecord) -> dict[str, list[int]]:
    joined = experiment.joined_by(find_next_trials(experiment, results))
    chosen: dict[str, list[int]] = {}
    for trial in joined.trials:
        if trial.trial_id not in experiment.trial_by_id:
            chosen.setdefault(trial.cell, []).append(trial.config.seed)
    return chosen


def test_open_cells_get_the_seeds_of_the_next_look_with_baseline_and_teachers(
    plan: Experiment,
) -> None:
    seeds = dict.fromkeys(["image", "clear", "student", "memory"], 3)

    assert next_seeds(plan, scored(seeds)) == {cell: [3, 4] for cell in seeds}


def test_settled_cell_gets_no_more_seeds(plan: Experiment) -> None:
    seeds = {"image": 3, "clear": 3, "memory": 3}

    assert next_seeds(plan, scored(seeds)) == {"image": [3, 4], "memory": [3, 4]}


def test_later_looks_go_on_from_what_was_reached(plan: Experiment) -> None:
    seeds = {"image": 5, "clear": 3, "memory": 5}
    experiment = reached(plan, {**seeds, "student": 3})

    assert next_seeds(experiment, scored(seeds)) == {"image": [5, 6], "memory": [5, 6]}


@pytest.mark.slow
def test_last_look_is_the_end(plan: Experiment) -> None:
    seeds = {"image": 10, "clear": 3, "memory": 10}
    experiment = reached(plan, {**seeds, "student": 3})

    assert next_seeds(experiment, scored(seeds)) == {}


def test_nothing_follows_if_all_cells_are_settled(plan: Experiment) -> None:
    assert next_seeds(plan, scored({"image": 3, "clear": 3})) == {}


def test_equivalent_cell_is_settled(plan: Experiment) -> None:
    results = replace(scored({"image": 3, "memory": 3}), margin_points=20.0)

    assert next_seeds(plan, results) == {}


def end(results: ExperimentRecord, state: str, *trials: tuple[str, int]) -> ExperimentRecord:
    """Let some trials end without a score."""

    def change(run: RunRecord) -> RunRecord:
        return replace(run, state=state) if (run.cell, run.seed) in trials else run

    return replace(results, runs=[change(run) for run in results.runs])


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_cell_that_cannot_be_judged_yet_goes_on(plan: Experiment, state: str) -> None:
    results = end(scored({"image": 3, "clear": 3}), state, ("clear", 1))

    assert next_seeds(plan, results) == {"image": [3, 4], "clear": [3, 4]}


def test_cell_whose_trials_all_failed_does_not_go_on(plan: Experiment) -> None:
    results = end(scored({"image": 3, "memory": 3}), "FAILED", *(("memory", n) for n in range(3)))

    assert next_seeds(plan, results) == {}


def test_nothing_follows_a_baseline_without_a_score(plan: Experiment) -> None:
    results = end(scored({"image": 3, "memory": 3}), "FAILED", *(("image", n) for n in range(3)))

    assert next_seeds(plan, results) == {}


def test_cancelled_trial_does_not_keep_settled_cells_going(plan: Experiment) -> None:
    seeds = {"image": 3, "clear": 3, "memory": 3}
    results = end(replace(scored(seeds), interim="1 of 9 trials"), "CANCELLED", ("memory", 1))

    assert next_seeds(plan, results) == {"image": [3, 4], "memory": [3, 4]}


def test_changed_plan_is_carried_out(plan: Experiment) -> None:
    """The report says why it gives no verdicts."""
    results = scored({"image": 3, "memory": 3})
    changed = replace(results, interim="the planned seeds changed", has_changed_plan=True)

    assert next_seeds(plan, changed) == {"image": [3, 4], "memory": [3, 4]}


@pytest.mark.slow
@pytest.mark.usefixtures("tracker")
def test_driver_follows_the_looks_by_itself(
    write_spec: SpecWriter,
    target: RunTarget,
    fake_ray: FakeRay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = TINY_SPEC.replace("seeds: [0, 1]", "seeds: {from: 3, to: 5}").replace(
        "  memory:", "  clear: {head: fcn, width: 16}\n  memory:"
    )
    experiment = choose_look(load_spec(write_spec(spec)), None, Stores(target.settings))
    monkeypatch.setattr(records, "read_record", _read_made_up_record)
    order: list[str] = []

    def script(job: Job, start: int) -> Outcome:
        order.append(run_name(job))
        return Outcome(State.FINISHED)

    with fake_ray(script):
        submission = run(experiment, target)

    assert set(states(submission)) == {"FINISHED"}
    counts = dict.fromkeys(experiment.cells, 0)
    for trial in submission.trials:
        counts[trial.cell] += 1
    assert counts == {"image": 5, "clear": 3, "memory": 5}
    assert order[9:11] == ["image, seed 3", "memory, seed 3"]


@pytest.mark.slow
@pytest.mark.usefixtures("tracker")
def test_changed_plan_is_followed_before_the_ledger_has_it(
    write_spec: SpecWriter, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks by an earlier plan may be more than there are now."""
    cells = "  clear: {head: fcn, width: 16}\n  memory:"
    stores = Stores(target.settings)
    monkeypatch.setattr(records, "read_record", _read_made_up_record)

    def submit(last_seed: int, look: int | None) -> dict[str, int]:
        spec = TINY_SPEC.replace("seeds: [0, 1]", f"seeds: {{from: 3, to: {last_seed}}}")
        experiment = load_spec(write_spec(spec.replace("  memory:", cells)))
        with fake_ray(lambda job, start: Outcome(State.FINISHED)):
            submission = run(choose_look(experiment, look, stores), target)
        return dict(Counter(trial.cell for trial in submission.trials))

    assert submit(10, look=3) == {"image": 7, "clear": 3, "memory": 7}
    assert submit(5, look=None) == {"image": 5, "clear": 3, "memory": 5}


def _read_made_up_record(
    experiment: ExperimentStatus, trials: list[RunRecord], tracker: object
) -> object:
    """Give the trials of the ledger the scores of this file."""
    runs = [finished_run(t.cell, t.seed, score(t.cell, t.seed)) for t in trials]
    looks = tuple(experiment.looks)
    return record(runs, looks=looks, look=find_look(looks, (run.seed for run in runs)))
