"""The driver, with real trials in this process or with a fake executor."""

import io
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from rich.console import Console

from orchestrator.execution import driver
from orchestrator.execution.driver import Submitted, Where, submit
from orchestrator.execution.job import Events, Executor, Heartbeat, Job, Outcome
from orchestrator.execution.job_factory import ExperimentData
from orchestrator.execution.smoke import smoke
from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.results.records import read_record
from orchestrator.settings import Settings, load_settings
from orchestrator.spec.experiment import Experiment, PlannedTrial
from orchestrator.spec.file import load_spec
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC, SpecWriter, paint_camvid
from tests.vss.data.custom.test_dataset import paint as paint_folder
from vss.errors import UserError
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    return load_spec(write_spec(TINY_SPEC))


@pytest.fixture
def where(settings: Settings, synthetic_cache: Path) -> Where:
    settings.cache.symlink_to(synthetic_cache)
    return Where(settings, {}, in_process=True)


def quiet() -> Console:
    return Console(file=io.StringIO())


def states(submitted: Submitted) -> list[str]:
    return [trial.state.value for trial in submitted.trials]


def runs(tracker: Tracker) -> Sequence[Any]:
    client = MlflowClient(tracking_uri=tracker.uri)
    all_runs = client.search_runs([tracker.experiment_id], order_by=["attributes.start_time ASC"])
    return [run for run in all_runs if "trial_id" in run.data.tags]


def test_experiment_goes_from_spec_to_results(
    experiment: Experiment, where: Where, tracker: Tracker
) -> None:
    submitted = submit(experiment, where, quiet())

    ledger = Ledger(where.settings.ledger_url)
    record = read_record(ledger.experiment("tiny"), ledger.trials("tiny"), tracker)
    assert states(submitted) == ["FINISHED"] * 4
    assert not submitted.interrupted
    assert [(r.cell, r.seed) for r in record.runs] == [
        ("image", 0), ("image", 1), ("memory", 0), ("memory", 1),
    ]  # fmt: skip
    assert all(0 <= run.metrics["miou"] <= 1 for run in record.runs)
    assert all(run.frames and run.curves["train/loss"] for run in record.runs)
    assert all(cost.clip and cost.streaming and cost.gflops for cost in record.costs.values())


def test_second_submit_trains_nothing_and_measures_nothing(
    experiment: Experiment, where: Where, tracker: Tracker
) -> None:
    submit(experiment, where, quiet())
    before = runs(tracker)
    console = quiet()

    submitted = submit(experiment, where, console)

    assert states(submitted) == ["FINISHED"] * 4
    assert [r.info.end_time for r in runs(tracker)] == [r.info.end_time for r in before]
    assert "measuring" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_trial_of_two_experiments_is_trained_once_and_tagged_with_both(
    experiment: Experiment, where: Where, tracker: Tracker, write_spec: SpecWriter
) -> None:
    submit(experiment, where, quiet())
    other = load_spec(write_spec(TINY_SPEC.replace("name: tiny", "name: other")))

    submitted = submit(other, where, quiet())

    assert states(submitted) == ["FINISHED"] * 4
    assert len(runs(tracker)) == 4
    tags = runs(tracker)[0].data.tags
    assert (tags["experiment/tiny"], tags["experiment/other"]) == ("image", "image")


def test_run_of_a_cell_that_left_the_spec_loses_its_tag(
    experiment: Experiment, where: Where, tracker: Tracker, write_spec: SpecWriter
) -> None:
    submit(experiment, where, quiet())
    smaller = load_spec(write_spec(TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0]")))

    submitted = submit(smaller, where, quiet())

    assert len(submitted.trials) == 2
    assert sum("experiment/tiny" in run.data.tags for run in runs(tracker)) == 2


def test_failed_trial_says_why_and_the_others_continue(
    where: Where, write_spec: SpecWriter, tmp_path: Path
) -> None:
    """A label with an unknown value is noticed only when it is decoded."""
    text = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")
    broken = paint_camvid(tmp_path / "camvid")
    image = broken / "test" / "Seq05VD_f00930.png"
    image.write_bytes(image.read_bytes()[:100])
    spec = load_spec(
        write_spec(text.replace("  memory:", "  wide: {head: fcn, width: 16}\n  memory:"))
    )

    submitted = submit(spec, Where(where.settings, {"camvid": broken}, in_process=True), quiet())

    assert states(submitted) == ["FAILED"] * 6
    assert all("cannot read image Seq05VD_f00930.png" in str(t.message) for t in submitted.trials)
    assert [t.attempts for t in submitted.trials] == [1] * 6


def test_bad_recipe_fails_its_cell_alone(where: Where, write_spec: SpecWriter) -> None:
    wild = "  wild: {head: fcn, optimizer: sgd, learning_rate: 1e30, steps: 20}\n  memory:"
    spec = load_spec(write_spec(TINY_SPEC.replace("  memory:", wild)))

    submitted = submit(spec, where, quiet())

    assert states(submitted) == ["FINISHED"] * 2 + ["FAILED"] * 2 + ["FINISHED"] * 2
    assert "the loss is" in str(submitted.trials[2].message)


def test_next_submit_retries_a_failed_trial(
    experiment: Experiment, where: Where, play: "Play"
) -> None:
    with play(lambda job, n: Outcome(State.FAILED, "bad luck")):
        first = submit(experiment, where, quiet())

    second = submit(experiment, where, quiet())

    assert states(first) == ["FAILED"] * 4
    assert states(second) == ["FINISHED"] * 4
    assert [t.attempts for t in second.trials] == [2] * 4


def test_missing_data_is_an_error_before_anything_is_entered(
    where: Where, write_spec: SpecWriter
) -> None:
    text = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")

    with pytest.raises(UserError, match="'camvid' needs a folder"):
        submit(load_spec(write_spec(text)), where, quiet())

    assert Ledger(where.settings.ledger_url).experiments() == []


def test_finished_trial_is_not_reused_for_other_data(
    where: Where, write_spec: SpecWriter, tmp_path: Path
) -> None:
    spec = load_spec(
        write_spec(TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid"))
    )
    first, second = paint_camvid(tmp_path / "one"), paint_camvid(tmp_path / "two", frames=5)
    submit(spec, Where(where.settings, {"camvid": first}, in_process=True), quiet())

    with pytest.raises(UserError, match=r"was trained on different camvid data \(fingerprint"):
        submit(spec, Where(where.settings, {"camvid": second}, in_process=True), quiet())


Part = Callable[[Job, int], Outcome]
Play = Callable[[Part], Any]


class Player:
    """An executor whose jobs end as a test says; it counts the starts of each trial."""

    dashboard_url = None

    def __init__(self, part: Part) -> None:
        self.part = part
        self.starts: dict[str, int] = {}

    def check_fits(self, cpus: float, gpus: float) -> None:
        pass

    def run(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
    ) -> None:
        for job in jobs:
            if should_stop():
                return
            self.starts[job.trial_id] = self.starts.get(job.trial_id, 0) + 1
            events.reported(job.trial_id, Heartbeat(step=0))
            events.ended(job.trial_id, self.part(job, self.starts[job.trial_id]))

    def trials_on_device(self, cpus: float, gpus: float) -> int:
        return 2

    def measure_latency(
        self, cells: Mapping[str, Any], baseline: str, cpus: float, gpus: float
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
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    @contextmanager
    def playing(part: Part) -> Iterator[Player]:
        player = Player(part)

        @contextmanager
        def executor(where: Where) -> Iterator[Executor]:
            yield player

        with monkeypatch.context() as patch:
            patch.setattr(driver, "open_executor", executor)
            yield player

    return playing


LOST = Outcome(State.FAILED, "the worker was lost", "Traceback", retry=True)


def test_lost_worker_is_replaced_once_by_default(
    experiment: Experiment, where: Where, play: Play
) -> None:
    with play(lambda job, n: LOST if n == 1 else Outcome(State.FINISHED)) as player:
        submitted = submit(experiment, where, quiet())

    assert states(submitted) == ["FINISHED"] * 4
    assert set(player.starts.values()) == {2}
    assert [t.attempts for t in submitted.trials] == [2] * 4


def test_spec_limits_the_retries(where: Where, play: Play, write_spec: SpecWriter) -> None:
    spec = load_spec(write_spec(TINY_SPEC + "resources: {retries: 2}\n"))

    with play(lambda job, n: LOST) as player:
        submitted = submit(spec, where, quiet())

    assert states(submitted) == ["FAILED"] * 4
    assert set(player.starts.values()) == {3}
    assert submitted.trials[0].message == "the worker was lost"


def test_worker_that_exits_silently_counts_as_lost(
    experiment: Experiment, where: Where, play: Play
) -> None:
    with play(lambda job, n: Outcome(State.FINISHED)) as player:
        player.run = lambda *_: None  # type: ignore[method-assign]
        submitted = submit(experiment, where, quiet())

    assert states(submitted) == ["FAILED"] * 4
    assert submitted.trials[0].message == "the worker exited without reporting a result"


def run_name(job: Job) -> str:
    assert job.tracking is not None
    return job.tracking.run_name


STUDENT_SPEC = TINY_SPEC.replace(
    "  image: {head: fcn}\n",
    "  student: {head: fcn, teacher: big, distillation_weight: 1}\n  big: {head: fcn, width: 16}\n",
)


def test_teachers_come_first_and_their_students_after_them(
    where: Where, write_spec: SpecWriter, play: Play
) -> None:
    order: list[str] = []

    def note(job: Job, n: int) -> Outcome:
        order.append(run_name(job))
        return Outcome(State.FINISHED)

    with play(note):
        submitted = submit(load_spec(write_spec(STUDENT_SPEC)), where, quiet())

    assert states(submitted) == ["FINISHED"] * 6
    assert set(order[-2:]) == {"student, seed 0", "student, seed 1"}


def test_failed_teacher_fails_its_student_by_name(
    where: Where, write_spec: SpecWriter, play: Play
) -> None:
    def unlucky(job: Job, n: int) -> Outcome:
        bad = run_name(job) == "big, seed 1"
        return Outcome(State.FAILED, "bad luck") if bad else Outcome(State.FINISHED)

    with play(unlucky) as player:
        submitted = submit(load_spec(write_spec(STUDENT_SPEC)), where, quiet())

    by_name = {f"{t.cell}, seed {t.seed}": t for t in submitted.trials}
    assert by_name["student, seed 0"].state == "FINISHED"
    assert by_name["student, seed 1"].state == "FAILED"
    assert by_name["student, seed 1"].message == "its teacher failed: big, seed 1"
    assert len(player.starts) == 5


def test_student_learns_from_what_its_teacher_left(
    where: Where, write_spec: SpecWriter, tracker: Tracker
) -> None:
    submitted = submit(load_spec(write_spec(STUDENT_SPEC)), where, quiet())

    assert states(submitted) == ["FINISHED"] * 6
    big, student = submitted.trials[2], submitted.trials[0]
    assert student.settings["teacher"] == big.trial_id


def test_first_signal_stops_and_the_same_command_resumes(
    experiment: Experiment, where: Where, play: Play
) -> None:
    def interrupted(job: Job, n: int) -> Outcome:
        os.kill(os.getpid(), signal.SIGINT)
        assert job.stop_file.exists()  # what workers look for
        return Outcome(State.CANCELLED)

    with play(interrupted) as player:
        stopped = submit(experiment, where, quiet())
    resumed = submit(experiment, where, quiet())

    assert stopped.interrupted
    assert states(stopped) == ["CANCELLED", "PENDING", "PENDING", "PENDING"]
    assert len(player.starts) == 1
    assert states(resumed) == ["FINISHED"] * 4
    assert not list(where.settings.storage.glob(".stop-*"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Install Python's own Ctrl-C handler, which a background process may lack."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_second_signal_is_final(experiment: Experiment, where: Where, play: Play) -> None:
    def interrupted_twice(job: Job, n: int) -> Outcome:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("not reached")

    with play(interrupted_twice), pytest.raises(KeyboardInterrupt):
        submit(experiment, where, quiet())

    trials = Ledger(where.settings.ledger_url).trials("tiny")
    assert trials[0].state == State.PENDING  # nobody runs it any more
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_trial_that_another_driver_runs_is_waited_for(
    experiment: Experiment, where: Where, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(where.settings.ledger_url)
    shared = experiment.trials[0].config
    data = ExperimentData(experiment, where.data, where.settings)
    member = Member(PlannedTrial("a", shared), data.fingerprint(shared))
    ledger.add(ExperimentEntry("first"), [member])
    console = quiet()

    with ledger.driver() as other, play(lambda job, n: Outcome(State.FINISHED)) as player:
        (claim,) = other.claim([shared.trial_id])
        other.start(claim, 0, None)
        monkeypatch.setattr(
            driver.time, "sleep", lambda _: other.end(claim, State.FINISHED, None, None)
        )
        submitted = submit(experiment, where, console)

    assert states(submitted) == ["FINISHED"] * 4
    assert shared.trial_id not in player.starts
    assert "waiting for trials that another submit is running: 1" in console.file.getvalue()  # type: ignore[attr-defined]


def test_latency_is_measured_again_if_a_cell_changed(
    experiment: Experiment, where: Where, play: Play, tracker: Tracker, write_spec: SpecWriter
) -> None:
    wider = load_spec(write_spec(TINY_SPEC.replace("{head: fcn}", "{head: fcn, width: 16}")))
    consoles = [quiet(), quiet()]

    with play(lambda job, n: Outcome(State.FINISHED)):
        for spec, console in zip((experiment, wider), consoles, strict=True):
            submit(spec, where, console)

    assert all("measuring" in c.file.getvalue() for c in consoles)  # type: ignore[attr-defined]
    parent = Ledger(where.settings.ledger_url).experiment("tiny").run_id
    measured_id = tracker.read_latency(parent).cells["image"].trial_id
    assert measured_id == wider.cells["image"].trial_id


def test_parent_run_says_whether_all_trials_finished(
    experiment: Experiment, where: Where, play: Play, tracker: Tracker
) -> None:
    client = MlflowClient(tracking_uri=tracker.uri)
    statuses = []
    for outcome in (Outcome(State.FAILED, "no"), Outcome(State.FINISHED)):
        with play(lambda job, n, outcome=outcome: outcome):  # type: ignore[misc]
            submit(experiment, where, quiet())
        parent = Ledger(where.settings.ledger_url).experiment("tiny").run_id
        statuses.append(client.get_run(str(parent)).info.status)

    assert statuses == ["KILLED", "FINISHED"]


def test_smoke_runs_every_cell_and_leaves_nothing(
    experiment: Experiment, where: Where, tracker: Tracker
) -> None:
    outcomes = smoke(experiment, where, quiet())

    assert {cell: outcome.state for cell, outcome in outcomes.items()} == {
        "image": "FINISHED", "memory": "FINISHED",
    }  # fmt: skip
    assert list(where.settings.storage.iterdir()) == []
    assert runs(tracker) == []
    assert Ledger(where.settings.ledger_url).experiments() == []


def test_smoke_names_cells_that_do_not_run(where: Where, write_spec: SpecWriter) -> None:
    wild = "  wild: {head: fcn, optimizer: sgd, learning_rate: 1e30}\n  memory:"
    spec = load_spec(write_spec(TINY_SPEC.replace("  memory:", wild)))

    outcomes = smoke(spec, where, quiet())

    assert outcomes["image"].state == "FINISHED"
    assert "is not finite" in str(outcomes["wild"].message)


def test_storage_may_be_elsewhere(
    experiment: Experiment, where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSS_STORAGE", str(tmp_path / "shared"))

    submit(experiment, Where(load_settings(), {}, in_process=True), quiet())

    kept = {path.name for path in (tmp_path / "shared").iterdir()}
    assert kept == {trial.config.trial_id for trial in experiment.trials}


def test_a_users_own_data_needs_its_description_alone(
    write_spec: SpecWriter, tmp_path: Path, settings: Settings, tracker: Tracker
) -> None:
    file = paint_folder(tmp_path / "data")
    spec = TINY_SPEC.replace(
        "dataset: synthetic\n  clips: 2", f"dataset: folder\n  dataset_file: {file}"
    )

    submitted = submit(load_spec(write_spec(spec)), Where(settings, {}, in_process=True), quiet())

    assert states(submitted) == ["FINISHED"] * 4
    assert submitted.trials[0].settings["dataset_file"].startswith("sha256:")
