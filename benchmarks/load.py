"""A driver under load: `python benchmarks/load.py [--trials 1000] [--drivers 4] [--ray-nodes 10]`.

The real queue, recorder, retries and ledger of a driver run trials of 50 evaluations that train
nothing and are tracked nowhere, so that all of the time is the driver's own:

- in one process, whose slots finish as fast as the driver asks them, with the times of the
  statements that a driver repeats for every trial or heartbeat;
- with --drivers N, in N processes whose experiments list the same trials, on one ledger;
- with --ray-nodes N, on a Ray cluster of N simulated nodes on this machine.

The ledger is an SQLite file, or the database at `--url`, which must be empty.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestrator.execution.cluster.connection import prepare_environment
from orchestrator.execution.job import Events, Executor, Heartbeat, Job, Outcome, SlotSize
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.notifications.notifier import Notifier
from orchestrator.execution.stop_requests import StopRequests
from orchestrator.execution.trials.job_factory import JobFactory, Slots
from orchestrator.execution.trials.recorder import Recorder
from orchestrator.execution.trials.retries import Retries
from orchestrator.execution.trials.trial_queue import TrialQueue
from orchestrator.ledger import tables
from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import load_settings
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.schema import Resources
from orchestrator.spec.trial_builder import PlannedTrial
from vss.trial_config import TrialConfig, parse_settings

EVALUATIONS, CELLS = 50, 20
_FINGERPRINT = "f" * 64
_SIZE = SlotSize(1.0, 0.0)
_SETTINGS = {
    "dataset": "synthetic", "clips": 2, "frame_width": 48, "frame_height": 32,
    "backbone": "resnet18", "width": 8, "include_current_frame": False, "head": "tma",
    "memory_length": 1, "head_channels": 16, "auxiliary_channels": 8, "batch_size": 2,
    "optimizer": "adamw", "learning_rate": 1e-3, "precision": "fp32", "steps": EVALUATIONS,
}  # fmt: skip


@dataclass(frozen=True)
class Load:
    """What a driver has to run, and where."""

    url: str
    trials: int
    slots: int


class NoData:
    """Data that nobody reads."""

    def fingerprint(self, config: TrialConfig) -> str:
        """Return the same for all data."""
        return _FINGERPRINT

    def source(self, config: TrialConfig) -> DataSource:
        """Return data without a folder."""
        return DataSource(config.dataset)

    def has_all(self, config: TrialConfig, fingerprint: str) -> bool:
        """Return that nothing is missing."""
        return True


class InstantExecutor:
    """An executor with slots whose oldest trial ends whenever the driver asks."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._running: deque[str] = deque()
        self.trained: list[str] = []

    @property
    def is_idle(self) -> bool:
        """Whether no job runs."""
        return not self._running

    def free_slots(self, size: SlotSize, job_count: int) -> int:
        """Return the number of slots without a job."""
        return self._slots - len(self._running)

    def start(self, job: Job, should_stop: object) -> None:
        """Start a job."""
        self._running.append(job.trial_id)

    def poll(self, events: Events, seconds: float) -> None:
        """Pass on all that a job has to say, to its end."""
        if not self._running:
            time.sleep(0.05)
            return
        trial_id = self._running.popleft()
        for heartbeat in _heartbeats():
            events.on_heartbeat(trial_id, heartbeat)
        self.trained.append(trial_id)
        events.on_end(trial_id, Outcome(State.FINISHED, score=0.5))


class InstantWorker:
    """A worker of a Ray slot that trains nothing."""

    def warm_up(self) -> None:
        """Import nothing."""

    def stop(self, attempt: object) -> None:
        """Ignore it: every trial ends at once."""

    def run(self, job: Job) -> Iterator[Heartbeat | Outcome]:
        """Yield what a trial has to say."""
        yield from _heartbeats()
        yield Outcome(State.FINISHED, score=0.5)


def drive(load: Load, name: str, executor: Any, barrier: Any = None) -> float:
    """Run an experiment to its end, and return the seconds that took."""
    ledger, experiment = Ledger(load.url), _experiment(name, load.trials)
    members = [Member(trial, _FINGERPRINT) for trial in experiment.trials]
    ledger.add(ExperimentEntry(name), members)
    stop, retries = StopRequests(), Retries(1)
    data: Any = NoData()
    slots = Slots(_SIZE, _SIZE, 1)
    factory = JobFactory(experiment, data, load_settings(), slots)
    if barrier is not None:
        barrier.wait()
    started = time.perf_counter()
    with ledger.driver() as driver, Recorder(driver, retries, stop) as recorder:
        queue = TrialQueue(
            experiment, ledger, driver, factory, recorder, lambda line: None, Notifier(name, None)
        )
        run_jobs(queue, executor, recorder, stop)
    return time.perf_counter() - started


def drive_in_process(load: Load, number: int, barrier: Any, results: Any) -> None:
    """Run an experiment beside others, and report what was trained."""
    executor = InstantExecutor(load.slots)
    seconds = drive(load, f"load{number}", executor, barrier)
    results.put((executor.trained, seconds))


def measure_one(load: Load) -> None:
    """Print throughput, memory and the times of statements of one driver."""
    with timed_statements() as times:
        executor = InstantExecutor(load.slots)
        processor_start = time.process_time()
        seconds = drive(load, "load", executor)
        processor_ms = 1000 * (time.process_time() - processor_start) / load.trials
    assert len(set(executor.trained)) == len(executor.trained) == load.trials
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"one driver, {load.slots} slots: {load.trials / seconds:.0f} trials per second, each "
          f"{processor_ms:.0f} ms of processor time; peak memory {peak:.0f} MiB\n")  # fmt: skip
    print("| statement | number | median, ms | 99 %, ms | longest, ms |")
    print("| :-- | --: | --: | --: | --: |")
    for statement, values in sorted(times.items(), key=lambda item: -sum(item[1]))[:12]:
        ms = sorted(1000 * value for value in values)
        tail = ms[min(len(ms) - 1, int(0.99 * len(ms)))]
        row = f"{statistics.median(ms):.1f} | {tail:.1f} | {ms[-1]:.1f}"
        print(f"| {statement} | {len(ms):,} | {row} |")


def measure_several(load: Load, drivers: int) -> None:
    """Print the throughput of drivers that share their trials."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(drivers), context.Queue()
    processes = [
        context.Process(target=drive_in_process, args=(load, number, barrier, results))
        for number in range(drivers)
    ]
    for process in processes:
        process.start()
    outcomes = [results.get() for _ in processes]
    for process in processes:
        process.join()
    trained = [trial_id for trial_ids, _ in outcomes for trial_id in trial_ids]
    twice = len(trained) - len(set(trained))
    seconds = max(seconds for _, seconds in outcomes)
    shares = ", ".join(str(len(trial_ids)) for trial_ids, _ in outcomes)
    print(f"\n{drivers} drivers: {len(set(trained)) / seconds:.0f} trials per second together "
          f"({shares}), {twice} trained twice")  # fmt: skip
    _check_all_finished(load)


def measure_ray(load: Load, nodes: int) -> None:
    """Print the throughput of a driver on a Ray cluster of simulated nodes."""
    prepare_environment("127.0.0.1:0")  # Ray reads it when it is imported

    import ray
    from ray.cluster_utils import Cluster

    from orchestrator.execution.cluster import slot
    from orchestrator.execution.cluster.executor import RayExecutor

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        ray.init(address=cluster.address, log_to_driver=False)
        slot.Worker = InstantWorker  # type: ignore[assignment, misc]
        executor: Executor = RayExecutor(None)
        while executor.free_slots(_SIZE, nodes) < nodes:
            executor.poll(_Nobody(), 0.5)
        seconds = drive(load, "load", executor)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\nRay, {nodes} nodes of one slot: {load.trials / seconds:.0f} trials per second, "
              f"peak memory of the driver {peak:.0f} MiB")  # fmt: skip
        _check_all_finished(load)
    finally:
        ray.shutdown()
        cluster.shutdown()


class _Nobody:
    def on_heartbeat(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Ignore it."""

    def on_end(self, trial_id: str, outcome: Outcome) -> None:
        """Ignore it."""


@contextmanager
def timed_statements() -> Iterator[dict[str, list[float]]]:
    """Collect the seconds of all statements of this process, by their beginning."""
    times: dict[str, list[float]] = defaultdict(list)

    def before(db: Any, cursor: Any, statement: str, *_: Any) -> None:
        db.info["started"] = time.perf_counter()

    def after(db: Any, cursor: Any, statement: str, *_: Any) -> None:
        times[_label(statement)].append(time.perf_counter() - db.info["started"])

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    sa.event.listen(sa.Engine, "after_cursor_execute", after)
    try:
        yield times
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", before)
        sa.event.remove(sa.Engine, "after_cursor_execute", after)


def _label(statement: str) -> str:
    words = statement.split()
    if words[0] == "SELECT":
        table = words[words.index("FROM") + 1] if "FROM" in words else "..."
        return f"SELECT {words[1].rstrip(',')} ... FROM {table.strip('(),')}"
    return " ".join(words[: 2 if words[0] == "UPDATE" else 3])


def _heartbeats() -> Iterator[Heartbeat]:
    yield Heartbeat(step=0)
    for step in range(1, EVALUATIONS + 1):
        yield Heartbeat(step, loss=1.0 / step, miou=step / 100)


def _experiment(name: str, count: int) -> Experiment:
    trials = tuple(
        PlannedTrial(f"cell{n % CELLS}", parse_settings({**_SETTINGS, "seed": n // CELLS,
                                                         "width": 8 * (1 + n % CELLS)}))
        for n in range(count)
    )  # fmt: skip
    cells = {trial.cell: trial.config for trial in trials[:CELLS]}
    resources = Resources(cpus=1.0, retries=1)
    return Experiment(name, "", trials, cells, "cell0", resources, {}, "")


def _check_all_finished(load: Load) -> None:
    engine = sa.create_engine(load.url)
    with engine.connect() as db:
        query = sa.select(tables.trials.c.state, sa.func.count()).group_by(tables.trials.c.state)
        counts = {row[0]: row[1] for row in db.execute(query)}
        attempts = db.execute(sa.select(sa.func.count()).select_from(tables.attempts)).scalar()
    if counts != {State.FINISHED: load.trials} or attempts != load.trials:
        sys.exit(f"not every trial has finished once: {counts}, {attempts} attempts")


def _empty(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as db:
        for table in reversed(tables.metadata.sorted_tables):
            db.execute(sa.delete(table))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--drivers", type=int, default=0)
    parser.add_argument("--ray-nodes", type=int, default=0)
    parser.add_argument("--url", help="address of an empty database (default: a new SQLite file)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{Path(folder) / 'ledger.db'}"
        load = Load(url, options.trials, options.slots)
        print(f"{load.trials:,} trials of {EVALUATIONS} evaluations, {url.partition(':')[0]}")
        measure_one(load)
        if options.drivers:
            _empty(url)
            measure_several(load, options.drivers)
        if options.ray_nodes:
            _empty(url)
            measure_ray(load, options.ray_nodes)


if __name__ == "__main__":
    main()
