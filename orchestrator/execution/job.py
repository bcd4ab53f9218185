"""The values that the driver and its workers exchange. Imports no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.nodes.machine import Machine
from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.entries import TrialStatus
from orchestrator.spec.schema import Resources
from orchestrator.storage import Storage
from vss.profiling.latency import ProcessReport
from vss.profiling.latency_measurement import LatencyMeasurement
from vss.training.inputs import TrialInputs
from vss.trial_config import TrialConfig


@dataclass(frozen=True)
class SlotSize:
    """The share of a machine that is reserved for a trial.

    Attributes:
        cpus: number of CPU cores.
        gpus: number of GPUs; trials with a fraction share one.
        gpu_type: model of the GPUs, by Ray's name, or None for any.
    """

    cpus: float
    gpus: float
    gpu_type: str | None = None

    @classmethod
    def from_resources(cls, resources: Resources) -> "SlotSize":
        """Return the share of a machine that a spec asks for."""
        return cls(resources.cpus, resources.gpus, resources.gpu_type)

    def __str__(self) -> str:
        kind = f"{self.gpu_type} GPUs" if self.gpu_type else "GPUs"
        return f"{self.cpus:g} CPUs and {self.gpus:g} {kind}"


@dataclass(frozen=True)
class Tracking:
    """The MLflow store and run that a job is tracked in.

    Attributes:
        uri: address of the tracking store, without its password.
        artifacts: folder for artifacts if the store is a local database.
        run_id: the trial's MLflow run, if there is one already.
        run_name: name of a new run.
        tags: tags that the run gets.
    """

    uri: str
    artifacts: Path
    run_id: str | None
    run_name: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """One attempt at a trial: plain values that can cross machines.

    Attributes:
        inputs: the trial, its files, and the compute that it runs on; the worker fills in the
            folders of its machine.
        size: the share of a machine to reserve.
        storage: the storage of its trial directory; None to keep nothing (smoke test).
        data: where the worker finds the data, or None if the paths in `inputs` are those of its
            machine.
        tracking: the store and run to track it in, or None to track nothing (smoke test).
        labels: experiment, cell and seed, as the Ray dashboard shows them; empty in a smoke test.
    """

    inputs: TrialInputs
    size: SlotSize
    storage: Storage | None = None
    data: DataSource | None = None
    tracking: Tracking | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def trial_id(self) -> str:
        """The identity of the trial."""
        return self.inputs.config.trial_id


@dataclass(frozen=True)
class Heartbeat:
    """A progress report from a running job.

    Attributes:
        step: optimiser steps completed.
        loss: newest point of the loss curve, or None before the first.
        miou: newest score on val, or None before the first.
        run_id: the MLflow run, or None if it is not open yet, or the job is not tracked.
        step_seconds: mean duration of a step since the last heartbeat, or None if unknown.
        data_wait_seconds: mean wait of a step for its batch since then, or None if unknown.
        waiting_for: the service that the trial waits for, or None.
    """

    step: int
    loss: float | None = None
    miou: float | None = None
    run_id: str | None = None
    step_seconds: float | None = None
    data_wait_seconds: float | None = None
    waiting_for: Pause | None = None


Report = Callable[[Heartbeat], None]
ShouldStop = Callable[[], bool]


class Failure(StrEnum):
    """The kind of a failure, which decides whether the trial is tried again.

    FINAL: bad data, a loss that is not finite, or a bug: another attempt would fail too.
    TRANSIENT: a lost worker, or a service that did not answer.
    OUT_OF_MEMORY: other processes hold memory that the trial needs.
    """

    FINAL = "FINAL"
    TRANSIENT = "TRANSIENT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: FINISHED, FAILED, or CANCELLED if it was stopped.
        message: one line for the user.
        details: the traceback.
        failure: the kind of failure, or None if the attempt did not fail.
        run_id: the MLflow run, if the attempt opened one.
        process_is_broken: whether the worker process cannot run another trial.
        score: mIoU on the scored split, if it finished.
    """

    state: str
    message: str | None = None
    details: str | None = None
    failure: Failure | None = None
    run_id: str | None = None
    process_is_broken: bool = False
    score: float | None = None


class Events(Protocol):
    """A receiver of an executor's events."""

    def on_heartbeat(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Handle a heartbeat; the first one says that the job has started."""

    def on_end(self, trial_id: str, outcome: Outcome) -> None:
        """Handle the end of an attempt."""


class Executor(Protocol):
    """A place where jobs run: a Ray cluster (`cluster.executor`) or this process (`in_process`)."""

    @property
    def dashboard_url(self) -> str | None:
        """Address of the Ray dashboard, or None if there is none."""

    @property
    def is_idle(self) -> bool:
        """Whether no job runs."""

    @property
    def node_count(self) -> int:
        """Number of machines that jobs may run on."""

    def check_fits(self, size: SlotSize) -> None:
        """Check that a trial can run at all, or raise a UserError."""

    def machines(self, size: SlotSize) -> Sequence[Machine]:
        """Return the machines on which a trial fits."""

    def read_fingerprint(self, config: TrialConfig, source: DataSource, size: SlotSize) -> str:
        """Return the fingerprint of data that this machine does not have.

        Args:
            config: the trial, which names the dataset.
            source: where the machine that runs it finds its data.
            size: the share of a machine that a trial needs.

        Raises:
            UserError: if no machine that fits a trial has the data.
        """

    def whole_device(self, size: SlotSize) -> SlotSize:
        """Return the size of a slot that shares its GPU, or its machine's cores, with no other."""

    def trials_on_device(self, size: SlotSize) -> int:
        """Return how many trials of this size can share a GPU, or a machine's cores."""

    def free_slots(self, size: SlotSize, job_count: int) -> int:
        """Return how many jobs can start at once, and make room for more without waiting.

        Args:
            size: the share of a machine that each of them needs.
            job_count: the number of jobs that could start; slots beyond it are given back.
        """

    def start(self, job: Job, should_stop: ShouldStop) -> None:
        """Start a job in a free slot.

        Args:
            job: the job.
            should_stop: polled while the job runs; once it returns true, the job is told to stop.
        """

    def poll(self, events: Events, seconds: float) -> None:
        """Pass on events until a job ends, a slot becomes free, or `seconds` have passed."""

    def close(self) -> None:
        """Give back all slots; `free_slots` may ask for new ones later."""

    def publish_states(self, experiment: str, trials: Sequence[TrialStatus]) -> None:
        """Show the number of an experiment's trials in each state in the dashboard, if any."""

    def measure_latency(
        self,
        cells: Mapping[str, TrialConfig],
        baseline: str,
        size: SlotSize,
        report: ProcessReport,
        should_stop: ShouldStop,
    ) -> LatencyMeasurement:
        """Measure the latency of cells on an idle device; report each process that has measured.

        Raises:
            KeyboardInterrupt: once `should_stop`, which is polled, returns true.
        """
