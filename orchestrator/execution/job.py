"""The values that the driver and its workers exchange. Imports no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vss.profiling.latency_measurement import LatencyMeasurement
from vss.training.inputs import TrialInputs
from vss.trial_config import TrialConfig


@dataclass(frozen=True)
class Tracking:
    """The MLflow store and run that a job is tracked in.

    Attributes:
        uri: address of the tracking store.
        artifacts: where artifacts go if the store is a local database.
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
        inputs: the trial, its files, and the compute that it runs on.
        cpus: CPU cores to reserve.
        gpus: GPUs to reserve; fractions share one.
        stop_file: the worker stops as soon as this file exists.
        tracking: where to track it, or None to track nothing (smoke test).
    """

    inputs: TrialInputs
    cpus: float
    gpus: float
    stop_file: Path
    tracking: Tracking | None = None

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
        run_id: the MLflow run, or None if the job is not tracked.
    """

    step: int
    loss: float | None = None
    miou: float | None = None
    run_id: str | None = None


Report = Callable[[Heartbeat], None]


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: FINISHED, FAILED, or CANCELLED if it was stopped.
        message: one line for the user.
        details: the traceback.
        retry: whether another attempt may succeed.
        run_id: the MLflow run, if the attempt opened one.
    """

    state: str
    message: str | None = None
    details: str | None = None
    retry: bool = False
    run_id: str | None = None


class Events(Protocol):
    """A receiver of an executor's events."""

    def reported(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Handle a heartbeat; the first one says that the job has started."""

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """Handle the end of an attempt."""


class Executor(Protocol):
    """A place where jobs run: a Ray cluster (`ray_cluster`) or this process (`in_process`)."""

    @property
    def dashboard_url(self) -> str | None:
        """Address of the Ray dashboard, or None without one."""

    def check_fits(self, cpus: float, gpus: float) -> None:
        """Check that a trial can run at all, or raise a UserError."""

    def run(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
    ) -> None:
        """Run jobs until all have ended.

        Args:
            jobs: each gets the resources that it names.
            events: called with heartbeats and outcomes.
            should_stop: called all the time; once true, no further job starts.
            folder: for the executor's own files, seen by all machines.
        """

    def trials_on_device(self, cpus: float, gpus: float) -> int:
        """Return how many trials with these resources can share a GPU, or a machine's cores."""

    def measure_latency(
        self, cells: Mapping[str, TrialConfig], baseline: str, cpus: float, gpus: float
    ) -> LatencyMeasurement:
        """Measure the latency of cells on an idle device."""
