"""The executor without Ray: one job after the other in this process, for debugging."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.execution.job import Events, Job
from orchestrator.execution.worker import run_job
from vss.profiling.latency import measure_latency
from vss.profiling.latency_measurement import LatencyMeasurement
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig


class InProcess:
    """An executor that runs jobs in this process."""

    dashboard_url: str | None = None

    def check_fits(self, cpus: float, gpus: float) -> None:
        """Check that PyTorch sees the GPUs that a trial needs, or raise a UserError."""
        Compute.from_resources(cpus, gpus).require_available()

    def run(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
    ) -> None:
        """Run jobs one by one until none is left, or `should_stop`."""
        for job in jobs:
            if not should_stop():
                report = functools.partial(events.reported, job.trial_id)
                events.ended(job.trial_id, run_job(job, report))

    def trials_on_device(self, cpus: float, gpus: float) -> int:
        """Return 1: jobs run one by one."""
        return 1

    def measure_latency(
        self, cells: Mapping[str, TrialConfig], baseline: str, cpus: float, gpus: float
    ) -> LatencyMeasurement:
        """Measure the latency of cells, in new processes on this machine."""
        return measure_latency(cells, baseline, Compute.from_resources(cpus, gpus))
