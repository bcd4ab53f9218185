"""The driver, with real trials in this process or with a fake executor."""

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from orchestrator.execution import driver
from orchestrator.execution.driver import RunTarget, submit
from orchestrator.execution.handover.submission import Ending
from orchestrator.execution.job import (
    Job,
    Outcome,
)
from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.ledger.entries import ExperimentEntry, ImportedTrial, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.results.records import read_record
from orchestrator.results.report_state import report_state
from orchestrator.settings import Settings, load_settings
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores
from orchestrator.tracking.store import TrackingUnreachableError
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC, SpecWriter, paint_camvid
from tests.orchestrator.execution.fakes import (
    STUDENT_SPEC,
    FakeRay,
    quiet,
    run,
    run_name,
    runs,
    states,
)
from tests.vss.data.custom.test_dataset import paint as paint_folder
from vss.errors import UserError

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.mark.slow
def test_experiment_goes_from_spec_to_results(
    experiment: Experiment, target: RunTarget, tracker: Tracker
) -> None:
    submission = run(experiment, target)

    ledger = Ledger(target.settings.ledger_url)
    record = read_record(ledger.experiment("tiny"), ledger.trials("tiny"), tracker)
    assert states(submission) == ["FINISHED"] * 4
    assert submission.ending == Ending.OVER
    assert [(r.cell, r.seed) for r in record.runs] == [
        ("image", 0), ("image", 1), ("memory", 0), ("memory", 1),
    ]  # fmt: skip
    assert all(0 <= run.metrics["miou"] <= 1 for run in record.runs)
    assert all(run.frames and run.curves["train/loss"] for run in record.runs)
    assert all(cost.clip and cost.streaming and cost.gflops for cost in record.costs.values())


@pytest.mark.slow
def test_second_submit_trains_nothing_and_measures_nothing(
    experiment: Experiment, target: RunTarget, tracker: Tracker
) -> None:
    run(experiment, target)
    first_runs = runs(tracker)
    console = quiet()

    submission = run(experiment, target, console)

    assert states(submission) == ["FINISHED"] * 4
    assert [r.info.end_time for r in runs(tracker)] == [r.info.end_time for r in first_runs]
    assert "measuring" not in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_trial_of_two_experiments_is_trained_once_and_tagged_with_both(
    experiment: Experiment, target: RunTarget, tracker: Tracker, write_spec: SpecWriter
) -> None:
    run(experiment, target)
    other = load_spec(write_spec(TINY_SPEC.replace("name: tiny", "name: other")))

    submission = run(other, target)

    assert states(submission) == ["FINISHED"] * 4
    assert len(runs(tracker)) == 4
    tags = runs(tracker)[0].data.tags
    assert (tags["experiment/tiny"], tags["experiment/other"]) == ("image", "image")


def finish_elsewhere(experiment: Experiment, target: RunTarget, trial_count: int) -> Ledger:
    """Finish trials whose runs are in another MLflow, as is the experiment's; return the ledger."""
    ledger = Ledger(target.settings.ledger_url)
    data = ExperimentData(experiment, {}, target.settings)
    imported = [
        ImportedTrial(Member(trial, data.fingerprint(trial.config)), position, "0" * 32, 1)
        for position, trial in enumerate(experiment.trials[:trial_count])
    ]
    ledger.add_finished(ExperimentEntry.from_experiment(experiment), imported)
    ledger.set_experiment_run("tiny", "1" * 32)
    return ledger


@pytest.mark.parametrize("trial_count", [1, 4])
def test_store_that_has_none_of_the_runs_is_named(
    trial_count: int, experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    """And the experiment's own run stays recorded, which is in the other store."""
    ledger = finish_elsewhere(experiment, target, trial_count)
    message = rf"MLflow at .*mlflow.db has no run of the {trial_count} finished trials? of 'tiny'"

    with (
        fake_ray(lambda job, start: Outcome(State.FINISHED)) as fake,
        pytest.raises(UserError, match=message),
    ):
        run(experiment, target)

    assert not fake.starts
    assert ledger.experiment("tiny").run_id == "1" * 32


def test_store_without_the_runs_is_refused_before_the_study_changes(
    experiment: Experiment, target: RunTarget, write_spec: SpecWriter
) -> None:
    """There is nothing to train, and the tags of runs would stay as they are."""
    ledger = finish_elsewhere(experiment, target, 4)
    renamed = load_spec(write_spec(TINY_SPEC.replace("name: tiny", "name: other")))
    smaller = load_spec(write_spec(TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0]")))
    described = load_spec(write_spec(TINY_SPEC.replace("that take a second", "of a second")))
    retrained = load_spec(write_spec(TINY_SPEC.replace("steps: 4", "steps: 5")))
    assert not {t.trial_id for t in retrained.trials} & {t.trial_id for t in experiment.trials}
    earlier = ledger.experiment("tiny")

    for changed in (renamed, smaller, described, retrained):
        with pytest.raises(UserError, match="has no run of the"):
            run(changed, target)

    assert ledger.names() == ["tiny"]
    assert len(ledger.trials("tiny")) == 4
    assert ledger.experiment("tiny") == earlier


def test_store_with_the_own_run_is_the_right_one(
    experiment: Experiment, target: RunTarget, tracker: Tracker, fake_ray: FakeRay
) -> None:
    """Then the runs of trials were deleted, which does not prevent others."""
    ledger = finish_elsewhere(experiment, target, 1)
    ledger.set_experiment_run("tiny", tracker.open_experiment_run(ledger.experiment("tiny")))

    with fake_ray(lambda job, start: Outcome(State.FINISHED)) as fake:
        run(experiment, target)

    assert len(fake.starts) == 3


@pytest.mark.slow
def test_run_of_a_cell_that_left_the_spec_loses_its_tag(
    experiment: Experiment, target: RunTarget, tracker: Tracker, write_spec: SpecWriter
) -> None:
    run(experiment, target)
    smaller = load_spec(write_spec(TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0]")))

    submission = run(smaller, target)

    assert len(submission.trials) == 2
    assert sum("experiment/tiny" in run.data.tags for run in runs(tracker)) == 2


@pytest.mark.slow
def test_failed_trial_says_why_and_the_others_continue(
    target: RunTarget, write_spec: SpecWriter, tmp_path: Path
) -> None:
    """A label with an unknown value is noticed only when it is decoded."""
    text = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")
    broken = paint_camvid(tmp_path / "camvid")
    image = broken / "test" / "Seq05VD_f00930.png"
    image.write_bytes(image.read_bytes()[:100])
    spec = load_spec(
        write_spec(text.replace("  memory:", "  wide: {head: fcn, width: 16}\n  memory:"))
    )

    submission = run(spec, RunTarget(target.settings, {"camvid": broken}, in_process=True))

    assert states(submission) == ["FAILED"] * 6
    assert all("cannot read image Seq05VD_f00930.png" in str(t.message) for t in submission.trials)
    assert [t.attempts for t in submission.trials] == [1] * 6


@pytest.mark.slow
def test_bad_recipe_fails_only_its_own_cell(target: RunTarget, write_spec: SpecWriter) -> None:
    wild = "  wild: {head: fcn, optimizer: sgd, learning_rate: 1e30, steps: 20}\n  memory:"
    spec = load_spec(write_spec(TINY_SPEC.replace("  memory:", wild)))

    submission = run(spec, target)

    assert states(submission) == ["FINISHED"] * 2 + ["FAILED"] * 2 + ["FINISHED"] * 2
    assert "the loss is" in str(submission.trials[2].message)


@pytest.mark.slow
def test_next_submit_retries_a_failed_trial(
    experiment: Experiment, target: RunTarget, fake_ray: "FakeRay"
) -> None:
    with fake_ray(lambda job, n: Outcome(State.FAILED, "bad luck")):
        first = run(experiment, target)

    second = run(experiment, target)

    assert states(first) == ["FAILED"] * 4
    assert states(second) == ["FINISHED"] * 4
    assert [t.attempts for t in second.trials] == [2] * 4


def test_missing_data_is_an_error_before_anything_is_entered(
    target: RunTarget, write_spec: SpecWriter
) -> None:
    text = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")

    with pytest.raises(UserError, match="'camvid' needs a folder"):
        run(load_spec(write_spec(text)), target)

    assert Ledger(target.settings.ledger_url).experiments() == []


@pytest.mark.slow
def test_driver_on_a_head_without_data_submits(
    target: RunTarget, write_spec: SpecWriter, fake_ray: "FakeRay"
) -> None:
    text = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")
    jobs: list[Job] = []

    def script(job: Job, n: int) -> Outcome:
        jobs.append(job)
        return Outcome(State.FINISHED)

    with fake_ray(script):
        submission = run(
            load_spec(write_spec(text)), RunTarget(target.settings, {}, address="head:6379")
        )

    assert states(submission) == ["FINISHED"] * 4
    assert {job.inputs.data_fingerprint for job in jobs} == {"f" * 64}
    assert {job.data for job in jobs} == {DataSource("camvid")}


@pytest.mark.slow
def test_finished_trial_is_not_reused_for_other_data(
    target: RunTarget, write_spec: SpecWriter, tmp_path: Path
) -> None:
    spec = load_spec(
        write_spec(TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid"))
    )
    first, second = paint_camvid(tmp_path / "one"), paint_camvid(tmp_path / "two", frames=5)
    run(spec, RunTarget(target.settings, {"camvid": first}, in_process=True))

    with pytest.raises(UserError, match=r"was trained on different camvid data \(fingerprint"):
        run(spec, RunTarget(target.settings, {"camvid": second}, in_process=True))


@pytest.mark.slow
def test_teachers_come_first_then_the_first_seed_of_every_cell(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    order: list[str] = []

    def note(job: Job, n: int) -> Outcome:
        order.append(run_name(job))
        return Outcome(State.FINISHED)

    with fake_ray(note):
        submission = run(load_spec(write_spec(STUDENT_SPEC)), target)

    assert states(submission) == ["FINISHED"] * 6
    assert order == [
        "big, seed 0", "big, seed 1",
        "student, seed 0", "memory, seed 0",
        "student, seed 1", "memory, seed 1",
    ]  # fmt: skip


@pytest.mark.slow
def test_finished_experiment_starts_no_ray_and_opens_no_mlflow(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = Stores(target.settings)
    with fake_ray(lambda job, n: Outcome(State.FINISHED)):
        submit(experiment, target, stores, quiet())
    trials = stores.ledger.trials("tiny")
    state = report_state(stores.ledger.experiment("tiny"), trials, pictures=True)
    stores.ledger.set_report_state("tiny", state)
    again = Stores(target.settings)

    def fail(*_: Any) -> None:
        raise AssertionError("not needed")

    monkeypatch.setattr(driver, "open_executor", fail)
    monkeypatch.setattr(again, "prepare_tracker", fail)

    assert states(submit(experiment, target, again, quiet())) == ["FINISHED"] * 4


@pytest.mark.slow
def test_finished_experiment_does_not_wait_for_an_mlflow_that_is_dead(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_ray(lambda job, n: Outcome(State.FINISHED)):
        submit(experiment, target, Stores(target.settings), quiet())
    again = Stores(target.settings)

    def fail(*_: Any) -> None:
        raise TrackingUnreachableError("cannot reach MLflow", outage="connection refused")

    monkeypatch.setattr(again, "prepare_tracker", fail)

    with pytest.raises(UserError, match="cannot reach MLflow"):
        submit(experiment, target, again, quiet())


@pytest.mark.slow
def test_student_learns_from_what_its_teacher_left(
    target: RunTarget, write_spec: SpecWriter, tracker: Tracker
) -> None:
    submission = run(load_spec(write_spec(STUDENT_SPEC)), target)

    assert states(submission) == ["FINISHED"] * 6
    big, student = submission.trials[2], submission.trials[0]
    assert student.settings["teacher"] == big.trial_id


@pytest.mark.slow
def test_latency_is_measured_again_if_a_cell_changed(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    tracker: Tracker,
    write_spec: SpecWriter,
) -> None:
    wider = load_spec(write_spec(TINY_SPEC.replace("{head: fcn}", "{head: fcn, width: 16}")))
    consoles = [quiet(), quiet()]

    with fake_ray(lambda job, n: Outcome(State.FINISHED)):
        for spec, console in zip((experiment, wider), consoles, strict=True):
            run(spec, target, console)

    assert all("measuring" in c.file.getvalue() for c in consoles)  # type: ignore[attr-defined]
    parent = Ledger(target.settings.ledger_url).experiment("tiny").run_id
    measured_id = tracker.read_latency(parent).cells["image"].trial_id
    assert measured_id == wider.cells["image"].trial_id


@pytest.mark.slow
def test_parent_run_says_whether_all_trials_finished(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, tracker: Tracker
) -> None:
    client = MlflowClient(tracking_uri=tracker.uri)
    statuses = []
    for outcome in (Outcome(State.FAILED, "no"), Outcome(State.FINISHED)):
        with fake_ray(lambda job, n, outcome=outcome: outcome):  # type: ignore[misc]
            run(experiment, target)
        parent = Ledger(target.settings.ledger_url).experiment("tiny").run_id
        statuses.append(client.get_run(str(parent)).info.status)

    assert statuses == ["KILLED", "FINISHED"]


@pytest.mark.slow
def test_storage_may_be_elsewhere(
    experiment: Experiment, target: RunTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSS_STORAGE", str(tmp_path / "shared"))

    run(experiment, RunTarget(load_settings(), {}, in_process=True))

    directories = {path.name for path in (tmp_path / "shared").iterdir()}
    assert directories == {trial.config.trial_id for trial in experiment.trials}


@pytest.mark.slow
def test_custom_dataset_needs_only_its_description(
    write_spec: SpecWriter, tmp_path: Path, settings: Settings, tracker: Tracker
) -> None:
    file = paint_folder(tmp_path / "data")
    spec = TINY_SPEC.replace(
        "dataset: synthetic\n  clips: 2", f"dataset: folder\n  dataset_file: {file}"
    )

    submission = run(load_spec(write_spec(spec)), RunTarget(settings, {}, in_process=True))

    assert states(submission) == ["FINISHED"] * 4
    assert submission.trials[0].settings["dataset_file"].startswith("sha256:")
