"""A real Ray instance on this machine, and real trials in its workers."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.execution.cluster.connection import Connection
from orchestrator.execution.job import Failure, Heartbeat, Job, Outcome, SlotSize
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.stop_requests import StopRequests
from tests.conftest import tiny
from tests.orchestrator.conftest import with_inputs
from tests.processes import descendants
from vss.data.dataset import load_dataset
from vss.errors import UserError

if TYPE_CHECKING:
    from orchestrator.execution.cluster.executor import RayExecutor

slow = pytest.mark.slow
ONE_CPU = SlotSize(1, 0)


class Recorder:
    """A recorder of an executor's events that acts on a trial's first heartbeat."""

    def __init__(self, on_start: Callable[[str], object] = lambda trial_id: None) -> None:
        self.heartbeats: dict[str, list[Heartbeat]] = {}
        self.outcomes: dict[str, Outcome] = {}
        self._on_start = on_start

    def on_heartbeat(self, trial_id: str, heartbeat: Heartbeat) -> None:
        first = trial_id not in self.heartbeats
        self.heartbeats.setdefault(trial_id, []).append(heartbeat)
        if first:
            self._on_start(trial_id)

    def on_end(self, trial_id: str, outcome: Outcome) -> None:
        assert trial_id not in self.outcomes
        self.outcomes[trial_id] = outcome


@pytest.fixture
def executor(connection: Connection) -> "Iterator[RayExecutor]":
    from orchestrator.execution.cluster.executor import RayExecutor

    executor = RayExecutor(connection.dashboard_url)
    yield executor
    executor.close()


class JobList:
    """Jobs that are ready from the start."""

    size = ONE_CPU

    def __init__(self, jobs: list[Job]) -> None:
        self.left = list(jobs)

    def count_ready(self) -> int:
        return len(self.left)

    def take(self) -> Job:
        return self.left.pop(0)

    def is_over(self) -> bool:
        return not self.left


def variant(job: Job, **changes: Any) -> Job:
    """Return a trial that differs from the others."""
    return with_inputs(job, config=tiny(**changes))


def run_all(jobs: list[Job], executor: "RayExecutor", events: Recorder) -> None:
    """Run jobs until all have ended."""
    run_jobs(JobList(jobs), executor, events, StopRequests())


@slow
def test_jobs_run_and_report(executor: "RayExecutor", job: Job) -> None:
    jobs = [job, variant(job, seed=1), variant(job, seed=2)]
    events = Recorder()

    run_all(jobs, executor, events)

    states = {trial_id: outcome.state for trial_id, outcome in events.outcomes.items()}
    assert states == dict.fromkeys((j.trial_id for j in jobs), "FINISHED")
    assert events.heartbeats[job.trial_id][0].step == 0


@slow
def test_failing_job_leaves_the_others_alone(executor: "RayExecutor", job: Job) -> None:
    bad = variant(job, optimizer="sgd", learning_rate=1e30, steps=20)
    events = Recorder()

    run_all([bad, job], executor, events)

    assert events.outcomes[job.trial_id].state == "FINISHED"
    failed = events.outcomes[bad.trial_id]
    assert (failed.state, failed.failure) == ("FAILED", Failure.FINAL)
    assert "the loss is" in str(failed.message)


@slow
def test_killed_worker_is_reported_as_lost(executor: "RayExecutor", job: Job) -> None:
    long = variant(job, steps=100_000)

    killed_at: list[float] = []

    def kill_the_trainer(trial_id: str) -> None:
        killed_at.append(time.monotonic())
        os.kill(worker_of(trial_id), signal.SIGKILL)

    events = Recorder(kill_the_trainer)

    run_all([long], executor, events)

    assert time.monotonic() - killed_at[0] < 10  # 0.05 s on a quiet machine
    lost = events.outcomes[long.trial_id]
    assert (lost.state, lost.failure) == ("FAILED", Failure.TRANSIENT)
    assert str(lost.message).startswith("the worker was lost")


@slow
def test_trial_whose_worker_reports_no_result_resumes_from_its_checkpoint(
    executor: "RayExecutor", job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.execution.cluster import slot
    from orchestrator.execution.cluster.slot import Worker

    class SilentWorker:
        def warm_up(self) -> None:
            pass

        def stop(self, attempt: tuple[str, int | None]) -> None:
            pass

        def run(self, job: Job) -> Iterator[Heartbeat | Outcome]:
            for item in Worker().run(job):
                yield item
                if isinstance(item, Heartbeat) and item.miou is not None:
                    return

    long = with_inputs(variant(job, steps=100_000, eval_every=2), checkpoint_seconds=0.0)
    stop = StopRequests()
    lost, resumed = Recorder(), Recorder(lambda trial_id: stop.stop_all())

    with monkeypatch.context() as patch:
        patch.setattr(slot, "Worker", SilentWorker)
        run_all([long], executor, lost)
    run_jobs(JobList([with_inputs(long, attempt=2)]), executor, resumed, stop)

    outcome = lost.outcomes[long.trial_id]
    assert (outcome.state, outcome.failure) == ("FAILED", Failure.TRANSIENT)
    assert outcome.message == "the worker exited without reporting a result"
    assert resumed.heartbeats[long.trial_id][0].step > 0
    assert resumed.outcomes[long.trial_id].state == "CANCELLED"


@slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_trial_that_exits_the_interpreter_ends_its_items(
    executor: "RayExecutor", job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such an exit ends only the thread of the trial, not the process that is waited for."""
    from orchestrator.execution import worker
    from orchestrator.execution.cluster.slot import Worker

    def exit_at_once(
        job: Job, report: Callable[[Heartbeat], None], should_stop: Callable[[], bool]
    ) -> Outcome:
        report(Heartbeat(step=3))
        sys.exit(1)

    monkeypatch.setattr(worker, "run_job", exit_at_once)

    assert list(Worker().run(job)) == [Heartbeat(step=3)]


@slow
def test_stop_ends_everything_and_leaves_checkpoints(executor: "RayExecutor", job: Job) -> None:
    import ray

    cpus = sum(node["Resources"].get("CPU", 0) for node in ray.nodes())
    jobs = [variant(job, steps=100_000, seed=seed) for seed in range(int(cpus) + 2)]
    stop = StopRequests()
    events = Recorder(lambda trial_id: stop.stop_all())

    run_jobs(JobList(jobs), executor, events, stop)

    trained = [trial_id for trial_id, beats in events.heartbeats.items() if beats[-1].step > 0]
    assert {outcome.state for outcome in events.outcomes.values()} == {"CANCELLED"}
    assert len(trained) <= cpus
    assert all((job.storage.folder / trial_id / "resume.pt").exists() for trial_id in trained)


@slow
def test_single_trial_stops_while_the_others_go_on(executor: "RayExecutor", job: Job) -> None:
    endless, other = variant(job, steps=100_000), variant(job, seed=1)
    stop = StopRequests()
    stop.stop_trials([endless.trial_id])
    events = Recorder()

    run_jobs(JobList([endless, other]), executor, events, stop)

    states = {trial_id: outcome.state for trial_id, outcome in events.outcomes.items()}
    assert states == {endless.trial_id: "CANCELLED", other.trial_id: "FINISHED"}


def wait_for_slot(executor: "RayExecutor", size: SlotSize, job_count: int = 1) -> None:
    """Ask for slots until one is free."""
    deadline = time.monotonic() + 60
    while not executor.free_slots(size, job_count):
        assert time.monotonic() < deadline
        executor.poll(Recorder(), 0.2)


@slow
def test_killed_worker_is_replaced_by_a_new_one(
    executor: "RayExecutor", job: Job, capfd: pytest.CaptureFixture[str]
) -> None:
    wait_for_slot(executor, ONE_CPU)
    events = Recorder(lambda trial_id: os.kill(worker_of(trial_id), signal.SIGKILL))
    long = variant(job, steps=100_000)

    run_all([long], executor, events)
    run_all([job], executor, Recorder())

    assert (job.storage.folder / job.trial_id / "result.json").exists()
    assert "raylet" not in "".join(capfd.readouterr())


def worker_of(trial_id: str) -> int:
    """Return the process that runs a trial.

    Ray names it after its trial; but if the one before has only just ended, Ray may still be
    about to take the name away again.
    """
    names = (f"ray::{trial_id}", "ray::Worker")
    (pid,) = [pid for name in names for pid in descendants(os.getpid(), name)]
    return pid


@slow
def test_worker_processes_stay_warm(executor: "RayExecutor", job: Job) -> None:
    pids: list[int] = []
    events = Recorder(lambda trial_id: pids.append(worker_of(trial_id)))
    wait_for_slot(executor, ONE_CPU)

    for seed in range(2):
        run_all([variant(job, seed=seed)], executor, events)

    assert len(pids) == 2
    assert len(set(pids)) == 1


@slow
def test_slots_of_another_size_make_room(executor: "RayExecutor") -> None:
    whole_machine = executor.whole_device(ONE_CPU)
    wait_for_slot(executor, ONE_CPU)

    wait_for_slot(executor, whole_machine)

    assert whole_machine.cpus > 1


@slow
def test_slot_goes_to_another_submit_that_waits(
    executor: "RayExecutor", monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.execution.cluster import executor as module

    size = executor.whole_device(ONE_CPU)
    other = module.RayExecutor(None, "other")
    wait_for_slot(executor, size)
    monkeypatch.setattr(module, "_SHARE_SECONDS", 0.0)
    assert executor.free_slots(size, 1) == 1  # nobody waits

    assert other.free_slots(size, 1) == 0
    deadline = time.monotonic() + 60
    while executor.free_slots(size, 1):  # Ray knows of the wait after a moment
        assert time.monotonic() < deadline
        time.sleep(0.1)
    wait_for_slot(other, size)

    assert executor.free_slots(size, 1) == 0
    other.close()


@slow
def test_idle_slots_are_given_back(
    executor: "RayExecutor", monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.execution.cluster import executor as module

    wait_for_slot(executor, ONE_CPU)
    idle_slots = executor.free_slots(ONE_CPU, 0)

    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.0)

    assert idle_slots == 1
    assert executor.free_slots(ONE_CPU, 0) == 0


@slow
def test_latency_is_measured_in_a_worker(executor: "RayExecutor") -> None:
    reports: list[tuple[int, int]] = []

    measurement = executor.measure_latency(
        {"a": tiny()}, "a", ONE_CPU, lambda *report: reports.append(report), lambda: False
    )

    assert measurement.cells["a"].clip.median_ms > 0
    assert reports == [(1, 1)]


@slow
def test_measurement_of_latency_stops_on_request(executor: "RayExecutor") -> None:
    with pytest.raises(KeyboardInterrupt):
        executor.measure_latency({"a": tiny()}, "a", ONE_CPU, lambda *_: None, lambda: True)

    wait_for_slot(executor, executor.whole_device(ONE_CPU))


@slow
@pytest.mark.parametrize(("cpus", "gpus"), [(1000, 0), (1, 1), (1, 0.5)])
def test_resources_that_no_node_has_are_refused(
    executor: "RayExecutor", cpus: float, gpus: float
) -> None:
    import ray

    nodes = [node["Resources"] for node in ray.nodes()]
    if any(n.get("GPU", 0) >= gpus > 0 for n in nodes):
        pytest.skip("this machine has a GPU")

    with pytest.raises(UserError, match=f"needs {cpus:g} CPUs and {gpus:g} GPUs on one node"):
        executor.check_fits(SlotSize(cpus, gpus))


@slow
def test_resources_that_a_node_has_are_accepted(executor: "RayExecutor") -> None:
    executor.check_fits(ONE_CPU)


@slow
def test_data_is_read_by_a_node_that_has_it(executor: "RayExecutor", camvid: Path) -> None:
    config = tiny(dataset="camvid", clips=None)
    fingerprint = executor.read_fingerprint(config, DataSource("camvid", option=camvid), ONE_CPU)

    assert fingerprint == load_dataset(config, camvid).fingerprint
    with pytest.raises(UserError, match=r"^\S+ does not have dataset 'camvid'"):
        executor.read_fingerprint(config, DataSource("camvid", option=camvid / "gone"), ONE_CPU)


FAKE_NODES = {
    "a": {"CPU": 8.0, "GPU": 4.0, "accelerator_type:H100": 1.0},
    "b": {"CPU": 8.0, "GPU": 2.0, "accelerator_type:L4": 1.0},
    "c": {"CPU": 64.0},
}


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        (SlotSize(1, 0), [8, 8, 64]),
        (SlotSize(1, 1), [4, 2, 0]),
        (SlotSize(1, 1, "H100"), [4, 0, 0]),
        (SlotSize(1, 2), [2, 1, 0]),
        (SlotSize(1, 0.4), [8, 4, 0]),
        (SlotSize(0.1, 0), [80, 80, 640]),
    ],
)
def test_slots_of_a_node_are_counted(size: SlotSize, counts: list[int]) -> None:
    from orchestrator.execution.cluster.nodes import count_slots

    assert [count_slots(node, size) for node in FAKE_NODES.values()] == counts


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (SlotSize(1, 1, "H10"), r"resources: unknown gpu_type 'H10': did you mean 'H100'\?"),
        (
            SlotSize(1, 1, "A100"),
            r"needs 1 CPUs and 1 A100 GPUs on one node, but the nodes have 8 CPUs and 4 H100 GPUs,",
        ),
    ],
)
def test_gpu_types_that_no_node_has_are_refused(
    size: SlotSize, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.execution.cluster import nodes

    monkeypatch.setattr(nodes, "live_nodes", lambda: FAKE_NODES)

    with pytest.raises(UserError, match=message):
        nodes.check_fits(size)
