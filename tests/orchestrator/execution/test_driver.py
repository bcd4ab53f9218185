"""The driver, with real trials in this process or with a fake executor."""

import io
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import torch
from mlflow import MlflowClient
from rich.console import Console

from orchestrator.execution import driver
from orchestrator.execution.driver import RunTarget, submit
from orchestrator.execution.handover.submission import Ending, Submission
from orchestrator.execution.job import (
    Events,
    Executor,
    Failure,
    Heartbeat,
    Job,
    Outcome,
    ShouldStop,
    SlotSize,
)
from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.execution.nodes.machine import Machine
from orchestrator.execution.smoke import smoke
from orchestrator.ledger import tables
from orchestrator.ledger.entries import Claim, ExperimentEntry, Member, State, TrialStatus
from orchestrator.ledger.ledger import Ledger
from orchestrator.results.records import read_record
from orchestrator.results.report_state import report_state
from orchestrator.settings import Settings, load_settings
from orchestrator.spec.experiment import Experiment, PlannedTrial
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC, SpecWriter, paint_camvid, save_weights
from tests.vss.data.custom.test_dataset import paint as paint_folder
from vss.errors import UserError
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement
from vss.trial_config import TrialConfig

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    return load_spec(write_spec(TINY_SPEC))


@pytest.fixture
def target(settings: Settings, synthetic_cache: Path) -> RunTarget:
    settings.cache.symlink_to(synthetic_cache)
    return RunTarget(settings, {}, in_process=True)


def quiet() -> Console:
    return Console(file=io.StringIO())


def run(experiment: Experiment, target: RunTarget, console: Console | None = None) -> Submission:
    return submit(experiment, target, Stores(target.settings), console or quiet())


def states(submission: Submission) -> list[str]:
    return [trial.state.value for trial in submission.trials]


def runs(tracker: Tracker) -> Sequence[Any]:
    client = MlflowClient(tracking_uri=tracker.uri)
    all_runs = client.search_runs([tracker.experiment_id], order_by=["attributes.start_time ASC"])
    return [run for run in all_runs if "trial_id" in run.data.tags]


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


Script = Callable[[Job, int], Outcome]
FakeRay = Callable[[Script], Any]


class FakeExecutor:
    """An executor whose jobs end as a test says, one per poll; it counts each trial's starts."""

    dashboard_url = None
    node_count = 1

    def __init__(self, script: Script) -> None:
        self.script = script
        self.starts: dict[str, int] = {}
        self.jobs: list[Job] = []
        self.is_closed = False

    @property
    def is_idle(self) -> bool:
        return not self.jobs

    def check_fits(self, size: SlotSize) -> None:
        pass

    def machines(self, size: SlotSize) -> list[Machine]:
        return [Machine("node7", cpus=8, memory_mib=8 * 1024)]

    def read_fingerprint(self, config: TrialConfig, source: DataSource, size: SlotSize) -> str:
        return "f" * 64

    def whole_device(self, size: SlotSize) -> SlotSize:
        return SlotSize(8, 0)

    def publish_states(self, experiment: str, trials: Sequence[TrialStatus]) -> None:
        pass

    def trials_on_device(self, size: SlotSize) -> int:
        return 2

    def free_slots(self, size: SlotSize, job_count: int) -> int:
        return 1 - len(self.jobs)

    def start(self, job: Job, should_stop: ShouldStop) -> None:
        self.jobs.append(job)
        self.should_stop = should_stop

    def poll(self, events: Events, seconds: float) -> None:
        if self.jobs:
            job = self.jobs.pop()
            self.starts[job.trial_id] = self.starts.get(job.trial_id, 0) + 1
            events.on_heartbeat(job.trial_id, Heartbeat(step=0))
            events.on_end(job.trial_id, self.script(job, self.starts[job.trial_id]))

    def close(self) -> None:
        self.is_closed = True

    def measure_latency(
        self,
        cells: Mapping[str, Any],
        baseline: str,
        size: SlotSize,
        should_stop: ShouldStop,
    ) -> LatencyMeasurement:
        form = FormLatency(median_ms=1.0, p95_ms=1.0, rounds_ms=[1.0], baseline_rounds_ms=[1.0])
        return LatencyMeasurement(
            cells={
                name: CellLatency(
                    trial_id=config.trial_id, precision="fp32", parameters=1, gflops=1.0,
                    peak_memory_mib=1.0, clip=form,
                )
                for name, config in cells.items()
            }
        )  # fmt: skip


@pytest.fixture
def fake_ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    @contextmanager
    def run_with(script: Script) -> Iterator[FakeExecutor]:
        fake = FakeExecutor(script)

        @contextmanager
        def executor(target: RunTarget, name: str) -> Iterator[Executor]:
            yield fake

        with monkeypatch.context() as patch:
            patch.setattr(driver, "open_executor", executor)
            patch.setattr(driver, "check_address", lambda *_: None)
            yield fake

    return run_with


LOST = Outcome(State.FAILED, "the worker was lost", "Traceback", Failure.TRANSIENT)


def test_lost_worker_is_replaced_once_by_default(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    with fake_ray(lambda job, n: LOST if n == 1 else Outcome(State.FINISHED)) as fake:
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert set(fake.starts.values()) == {2}
    assert [t.attempts for t in submission.trials] == [2] * 4


def test_spec_limits_the_retries(
    target: RunTarget, fake_ray: FakeRay, write_spec: SpecWriter
) -> None:
    spec = load_spec(write_spec(TINY_SPEC + "resources: {retries: 2}\n"))

    with fake_ray(lambda job, n: LOST) as fake:
        submission = run(spec, target)

    assert states(submission) == ["FAILED"] * 4
    assert set(fake.starts.values()) == {3}
    assert submission.trials[0].message == "the worker was lost"


def run_name(job: Job) -> str:
    assert job.tracking is not None
    return job.tracking.run_name


STUDENT_SPEC = TINY_SPEC.replace(
    "  image: {head: fcn}\n",
    "  student: {head: fcn, teacher: big, distillation_weight: 1}\n  big: {head: fcn, width: 16}\n",
)


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


def test_failure_stops_the_experiment_if_the_spec_says_so(
    target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    spec = load_spec(write_spec(TINY_SPEC + "resources: {on_failure: stop}\n"))

    with fake_ray(lambda job, n: Outcome(State.FAILED, "bad luck", failure=Failure.FINAL)) as fake:
        submission = run(spec, target)

    assert len(fake.starts) == 1
    assert states(submission) == ["FAILED", "PENDING", "PENDING", "PENDING"]
    assert submission.exit_code == 1


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


def record(
    experiment: Experiment, target: RunTarget, fingerprints: Mapping[str, str] | None = None
) -> None:
    """Record an experiment as another submit does, for some cells with its own data."""
    data = ExperimentData(experiment, target.data, target.settings)
    members = [
        Member(trial, (fingerprints or {}).get(trial.cell) or data.fingerprint(trial.config))
        for trial in experiment.trials
    ]
    ledger = Ledger(target.settings.ledger_url)
    ledger.add(ExperimentEntry.from_experiment(experiment), members)


def test_cells_and_seeds_that_are_added_meanwhile_join(
    experiment: Experiment, target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    wider = TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0, 1, 2]").replace(
        "  memory:", "  wide: {head: fcn, width: 16}\n  memory:"
    )
    larger = load_spec(write_spec(wider))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target)
        return Outcome(State.FINISHED)

    with fake_ray(script) as fake:
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 9
    assert set(fake.starts) == {trial.trial_id for trial in larger.trials}


def test_trial_that_joined_without_its_files_is_left_to_its_own_submit(
    experiment: Experiment,
    target: RunTarget,
    write_spec: SpecWriter,
    fake_ray: FakeRay,
    tmp_path: Path,
) -> None:
    """The ledger knows the digest of a weights file, not its path."""
    save_weights({"a": torch.zeros(1)}, tmp_path / "start.safetensors")
    tuned = "  tuned: {head: fcn, weights: start.safetensors}\n  memory:"
    larger = load_spec(write_spec(TINY_SPEC.replace("  memory:", tuned)))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target)
        return Outcome(State.FINISHED)

    with fake_ray(script):
        submission = run(experiment, target)

    assert {t.cell: t.state for t in submission.trials} == {
        "image": State.FINISHED, "tuned": State.PENDING, "memory": State.FINISHED,
    }  # fmt: skip


def test_trial_that_joined_with_unknown_settings_is_left_to_its_own_submit(
    experiment: Experiment, target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    """A newer version of the program may know more settings."""
    wide = "  wide: {head: fcn, width: 16}\n  memory:"
    larger = load_spec(write_spec(TINY_SPEC.replace("  memory:", wide)))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target)
        with sa.create_engine(target.settings.ledger_url).begin() as db:
            db.execute(
                sa.update(tables.trials)
                .where(tables.trials.c.settings.contains('"width": 16'))
                .values(settings='{"wit": 3}')
            )
        return Outcome(State.FINISHED)

    with fake_ray(script) as fake:
        run(experiment, target)

    assert set(fake.starts) == {trial.trial_id for trial in experiment.trials}


def test_trial_that_joined_with_different_data_is_left_to_its_own_submit(
    experiment: Experiment, target: RunTarget, write_spec: SpecWriter, fake_ray: FakeRay
) -> None:
    """A worker would refuse the data of this submit, and the trial would fail for good."""
    wide = "  wide: {head: fcn, width: 16}\n  memory:"
    larger = load_spec(write_spec(TINY_SPEC.replace("  memory:", wide)))

    def script(job: Job, n: int) -> Outcome:
        record(larger, target, {"wide": "f" * 64})
        return Outcome(State.FINISHED)

    with fake_ray(script):
        submission = run(experiment, target)

    assert {t.cell: t.state for t in submission.trials} == {
        "image": State.FINISHED, "wide": State.PENDING, "memory": State.FINISHED,
    }  # fmt: skip


def test_two_submits_share_what_is_left(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    """The other submit takes a trial whenever this one has started one."""
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)
    theirs: list[str] = []

    with ledger.driver() as other:

        def script(job: Job, n: int) -> Outcome:
            ready = [trial for trial in other.open_trials("tiny") if trial.can_start()]
            for claim in other.claim([trial.trial_id for trial in ready[:1]]):
                theirs.append(claim.trial_id)
                other.end(claim, State.FINISHED, None, None)
            return Outcome(State.FINISHED)

        with fake_ray(script) as fake:
            submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert len(theirs) == len(fake.starts) == 2
    assert not set(theirs) & set(fake.starts)


def test_trial_that_another_submit_claims_first_is_waited_for(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)
    last = experiment.trials[-1].trial_id

    with ledger.driver() as other, fake_ray(lambda job, n: Outcome(State.FINISHED)) as fake:
        free_slots, poll = fake.free_slots, fake.poll
        claims: list[Claim] = []

        def claim_the_last_one(size: SlotSize, job_count: int) -> int:
            if job_count == 1 and not claims:
                claims.extend(other.claim([last]))
            return free_slots(size, job_count)

        def poll_while_the_other_ends(events: Events, seconds: float) -> None:
            if fake.is_idle:
                other.end(claims[0], State.FINISHED, None, None)
            poll(events, seconds)

        monkeypatch.setattr(fake, "free_slots", claim_the_last_one)
        monkeypatch.setattr(fake, "poll", poll_while_the_other_ends)
        submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert last not in fake.starts


def test_trial_of_a_submit_that_dies_is_taken_over(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    record(experiment, target)

    with ledger.driver() as other:
        (claim,) = other.claim([experiment.trials[-1].trial_id])

        def script(job: Job, n: int) -> Outcome:
            if len(fake.starts) == 3:
                other.release_claims()
            return Outcome(State.FINISHED)

        with fake_ray(script) as fake:
            submission = run(experiment, target)

    assert states(submission) == ["FINISHED"] * 4
    assert claim.trial_id in fake.starts


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
def test_student_learns_from_what_its_teacher_left(
    target: RunTarget, write_spec: SpecWriter, tracker: Tracker
) -> None:
    submission = run(load_spec(write_spec(STUDENT_SPEC)), target)

    assert states(submission) == ["FINISHED"] * 6
    big, student = submission.trials[2], submission.trials[0]
    assert student.settings["teacher"] == big.trial_id


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


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the driver's thread has seen a request."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Install Python's own Ctrl-C handler, which a background process may lack."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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


def test_trial_that_another_driver_runs_is_waited_for(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(target.settings.ledger_url)
    shared = experiment.trials[0].config
    data = ExperimentData(experiment, target.data, target.settings)
    member = Member(PlannedTrial("a", shared), data.fingerprint(shared))
    ledger.add(ExperimentEntry("first"), [member])
    console = quiet()

    with ledger.driver() as other, fake_ray(lambda job, n: Outcome(State.FINISHED)) as fake:
        (claim,) = other.claim([shared.trial_id])
        other.start(claim, 0, None)
        poll = fake.poll

        def poll_while_the_other_ends(events: Events, seconds: float) -> None:
            if fake.is_idle:
                other.end(claim, State.FINISHED, None, None)
            poll(events, seconds)

        monkeypatch.setattr(fake, "poll", poll_while_the_other_ends)
        submission = run(experiment, target, console)

    assert states(submission) == ["FINISHED"] * 4
    assert shared.trial_id not in fake.starts
    assert "waiting for 1 trial that another submit is running" in console.file.getvalue()  # type: ignore[attr-defined]


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


def test_smoke_runs_every_cell_and_leaves_nothing(
    experiment: Experiment, target: RunTarget, tracker: Tracker
) -> None:
    outcomes = smoke(experiment, target, quiet())

    assert {cell: outcome.state for cell, outcome in outcomes.items()} == {
        "image": "FINISHED", "memory": "FINISHED",
    }  # fmt: skip
    assert not target.settings.storage.folder.exists()
    assert runs(tracker) == []
    assert Ledger(target.settings.ledger_url).experiments() == []


def test_smoke_names_cells_that_do_not_run(target: RunTarget, write_spec: SpecWriter) -> None:
    wild = "  wild: {head: fcn, optimizer: sgd, learning_rate: 1e30}\n  memory:"
    spec = load_spec(write_spec(TINY_SPEC.replace("  memory:", wild)))

    outcomes = smoke(spec, target, quiet())

    assert outcomes["image"].state == "FINISHED"
    assert "is not finite" in str(outcomes["wild"].message)


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
