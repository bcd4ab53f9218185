"""An executor that runs nothing, and what tests of the driver say in few words."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlflow import MlflowClient
from rich.console import Console

from orchestrator.execution.driver import RunTarget, submit
from orchestrator.execution.handover.submission import Submission
from orchestrator.execution.job import (
    Events,
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
from orchestrator.ledger.entries import ExperimentEntry, Member, State, TrialStatus
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC
from vss.profiling.latency import ProcessReport
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement
from vss.trial_config import TrialConfig

Script = Callable[[Job, int], Outcome]
FakeRay = Callable[[Script], Any]

LOST = Outcome(State.FAILED, "the worker was lost", "Traceback", Failure.TRANSIENT)
STUDENT_SPEC = TINY_SPEC.replace(
    "  image: {head: fcn}\n",
    "  student: {head: fcn, teacher: big, distillation_weight: 1}\n  big: {head: fcn, width: 16}\n",
)
# Each cell starts from the weights of the one below it.
CHAIN_SPEC = TINY_SPEC.replace(
    "  image: {head: fcn}\n  memory: {head: tma, memory_length: 1}\n",
    "  last: {head: fcn, weights: {cell: middle, part: network}}\n"
    "  middle: {head: fcn, weights: {cell: first}}\n  first: {head: tma, memory_length: 1}\n",
)


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


def run_name(job: Job) -> str:
    assert job.tracking is not None
    return job.tracking.run_name


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
        report: ProcessReport,
        should_stop: ShouldStop,
    ) -> LatencyMeasurement:
        report(1, 2)
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
