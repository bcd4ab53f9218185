"""What passes between the driver, which asks, and the workers, which train. Imports no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vss.trial_config import TrialConfig

Report = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """One attempt at a trial: plain values that can cross machines.

    Attributes:
        name: of its MLflow run.
        run_id: of its MLflow run, if there is one already.
        storage: folder of the trial directories, seen by all workers.
        cache: folder of decoded frames; each machine has its own.
        data: folder of the dataset, or None.
        weights: the file whose digest the settings hold, or None.
        teacher: settings of the trial that teaches this one, or None.
        teacher_weights: what that trial left; None for a fresh teacher (a smoke test).
        trials_on_device: how many may share its GPU, or the cores of its machine.
        tracking_uri: of MLflow, or None to log nothing (a smoke test).
        stop_file: the worker stops as soon as this file exists.
        max_scored_frames: score only the first of each split, or None for all.
    """

    trial_id: str
    settings: dict[str, Any]
    attempt: int
    name: str
    run_id: str | None
    storage: str
    cache: str
    data: str | None
    data_fingerprint: str
    weights: str | None
    cpus: float
    gpus: float
    trials_on_device: int
    tracking_uri: str | None
    artifacts: str
    tags: dict[str, str]
    stop_file: str
    max_scored_frames: int | None = None
    teacher: dict[str, Any] | None = None
    teacher_weights: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: FINISHED, FAILED, or CANCELLED if it was told to stop.
        message: one line for the user.
        details: the traceback.
        retry: a new start may go better.
        run_id: of its MLflow run, if it got that far.
    """

    state: str
    message: str | None = None
    details: str | None = None
    retry: bool = False
    run_id: str | None = None


class Events(Protocol):
    """What an executor tells while it runs jobs."""

    def reported(self, trial_id: str, heartbeat: Mapping[str, Any]) -> None:
        """A worker says where it stands; the first time it says that it has begun."""

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """An attempt is over."""


class Executor(Protocol):
    """Where jobs run: a Ray cluster (`execution.Cluster`) or this process (`worker.InProcess`)."""

    @property
    def dashboard_url(self) -> str | None:
        """Of the Ray dashboard, if there is one."""

    def check_fits(self, cpus: float, gpus: float) -> None:
        """See that a trial can run at all, or raise a UserError."""

    def run(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
    ) -> None:
        """Run jobs.

        Args:
            jobs: what to run; each gets the resources that it names.
            events: is told what happens.
            should_stop: asked all the time; once true, no job is begun any more.
            folder: for the executor's own files, seen by all machines.
        """

    def trials_on_device(self, cpus: float, gpus: float) -> int:
        """How many trials with these resources can share a GPU, or a machine's cores."""

    def measure_latency(
        self, cells: Mapping[str, TrialConfig], baseline: str, cpus: float, gpus: float
    ) -> dict[str, Any]:
        """Measure the cells' latency: `conditions`, and the figures of each cell."""
