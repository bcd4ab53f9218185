"""A real Ray on this machine, and real trials in its workers."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution import ray_cluster
from orchestrator.execution.job import Heartbeat, Job, Outcome
from orchestrator.execution.ray_cluster import Cluster, connect, disconnect
from tests.conftest import tiny
from tests.orchestrator.conftest import with_inputs
from tests.processes import descendants
from vss.errors import UserError

slow = pytest.mark.slow


class Recorder:
    """A recorder of an executor's events that acts on a trial's first heartbeat."""

    def __init__(self, on_start: Callable[[str], object] = lambda trial_id: None) -> None:
        self.heartbeats: dict[str, list[Heartbeat]] = {}
        self.outcomes: dict[str, Outcome] = {}
        self._on_start = on_start

    def reported(self, trial_id: str, heartbeat: Heartbeat) -> None:
        first = trial_id not in self.heartbeats
        self.heartbeats.setdefault(trial_id, []).append(heartbeat)
        if first:
            self._on_start(trial_id)

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        assert trial_id not in self.outcomes
        self.outcomes[trial_id] = outcome


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield connect(None)
    disconnect()


def variant(job: Job, **changes: Any) -> Job:
    """Return a trial that differs from the others."""
    return with_inputs(job, config=tiny(**changes))


def never() -> bool:
    return False


@slow
def test_jobs_run_and_report(cluster: Cluster, job: Job, tmp_path: Path) -> None:
    jobs = [job, variant(job, seed=1), variant(job, seed=2)]
    events = Recorder()

    cluster.run(jobs, events, never, tmp_path)

    assert events.outcomes == {j.trial_id: Outcome("FINISHED") for j in jobs}
    assert events.heartbeats[job.trial_id][0].step == 0
    assert list(tmp_path.glob("round-*")) == []


@slow
def test_failing_job_leaves_the_others_alone(cluster: Cluster, job: Job, tmp_path: Path) -> None:
    bad = variant(job, optimizer="sgd", learning_rate=1e30, steps=20)
    events = Recorder()

    cluster.run([bad, job], events, never, tmp_path)

    assert events.outcomes[job.trial_id].state == "FINISHED"
    failed = events.outcomes[bad.trial_id]
    assert (failed.state, failed.retry) == ("FAILED", False)
    assert "the loss is" in str(failed.message)


@slow
def test_killed_worker_is_reported_as_lost(cluster: Cluster, job: Job, tmp_path: Path) -> None:
    long = variant(job, steps=100_000)

    def kill_the_trainer(trial_id: str) -> None:
        for pid in descendants(os.getpid(), "ray::ImplicitFunc"):
            os.kill(pid, signal.SIGKILL)

    events = Recorder(kill_the_trainer)

    cluster.run([long], events, never, tmp_path)

    lost = events.outcomes[long.trial_id]
    assert (lost.state, lost.retry) == ("FAILED", True)
    assert str(lost.message).startswith("the worker was lost")


@slow
def test_stop_ends_everything_and_leaves_checkpoints(
    cluster: Cluster, job: Job, tmp_path: Path
) -> None:
    import ray

    cpus = sum(node["Resources"].get("CPU", 0) for node in ray.nodes())
    jobs = [variant(job, steps=100_000, seed=seed) for seed in range(int(cpus) + 2)]
    events = Recorder(lambda trial_id: job.stop_file.touch())

    cluster.run(jobs, events, job.stop_file.exists, tmp_path)

    trained = [trial_id for trial_id, beats in events.heartbeats.items() if beats[-1].step > 0]
    assert {outcome.state for outcome in events.outcomes.values()} == {"CANCELLED"}
    assert len(trained) <= cpus
    assert all((job.inputs.storage / trial_id / "resume.pt").exists() for trial_id in trained)


@slow
def test_latency_is_measured_in_a_worker(cluster: Cluster) -> None:
    measurement = cluster.measure_latency({"a": tiny()}, "a", cpus=1, gpus=0)

    assert measurement.cells["a"].clip.median_ms > 0


@slow
@pytest.mark.parametrize(("cpus", "gpus"), [(1000, 0), (1, 1), (1, 0.5)])
def test_resources_that_no_node_has_are_refused(cluster: Cluster, cpus: float, gpus: float) -> None:
    import ray

    nodes = [node["Resources"] for node in ray.nodes()]
    if any(n.get("GPU", 0) >= gpus > 0 for n in nodes):
        pytest.skip("this machine has a GPU")

    with pytest.raises(UserError, match=f"needs {cpus:g} CPUs and {gpus:g} GPUs on one node"):
        cluster.check_fits(cpus, gpus)


@slow
def test_resources_that_a_node_has_are_accepted(cluster: Cluster) -> None:
    cluster.check_fits(1, 0)


@slow
def test_token_is_for_its_owner_alone(cluster: Cluster) -> None:
    assert (Path.home() / ".ray" / "auth_token").stat().st_mode & 0o077 == 0


@slow
def test_ray_listens_on_loopback_only(cluster: Cluster) -> None:
    """From /proc/net/tcp: ports that our Ray's processes listen on, and at which address."""
    ours = {
        str(link.readlink())
        for pid in descendants(os.getpid())
        for link in Path(f"/proc/{pid}/fd").glob("*")
        if link.is_symlink()
    }
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [line.split() for line in lines if line.split()[3] == "0A"]
    addresses = {fields[1] for fields in listening if f"socket:[{fields[9]}]" in ours}

    assert addresses
    assert all(address.startswith("0100007F:") for address in addresses), addresses


def test_dead_address_is_reported_at_once() -> None:
    with pytest.raises(UserError, match=r"no Ray cluster answers at '127\.0\.0\.1:9'"):
        connect("127.0.0.1:9")


def test_ray_that_was_imported_too_early_is_not_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable in its environment, Ray would take the machine's address."""
    closed: list[bool] = []
    monkeypatch.setattr(ray_cluster, "disconnect", lambda: closed.append(True))

    with pytest.raises(RuntimeError, match=r"Ray would listen on 10\.0\.0\.2, not on loopback"):
        ray_cluster._check_loopback("10.0.0.2")

    assert closed == [True]
