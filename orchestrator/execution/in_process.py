"""The executor without Ray: one job after the other in this process, for debugging."""

import functools
import time
from collections.abc import Mapping, Sequence

from orchestrator.execution.job import Events, Job, ShouldStop, SlotSize
from orchestrator.execution.nodes.data_source import DataSource, read_fingerprint
from orchestrator.execution.nodes.machine import Machine, describe_machine
from orchestrator.ledger.entries import TrialStatus
from vss.profiling.latency import ProcessReport, measure_latency
from vss.profiling.latency_measurement import LatencyMeasurement
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig


class InProcess:
    """An executor that runs jobs in this process."""

    dashboard_url: str | None = None
    node_count = 1

    def __init__(self) -> None:
        self._job: tuple[Job, ShouldStop] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no job runs."""
        return self._job is None

    def check_fits(self, size: SlotSize) -> None:
        """Check that PyTorch sees the GPUs that a trial needs, or raise a UserError."""
        Compute.from_resources(size.cpus, size.gpus).require_available()

    def machines(self, size: SlotSize) -> list[Machine]:
        """Return this machine."""
        return [describe_machine()]

    def read_fingerprint(self, config: TrialConfig, source: DataSource, size: SlotSize) -> str:
        """Return the fingerprint of data; this machine is the only one."""
        return read_fingerprint(config, source)

    def whole_device(self, size: SlotSize) -> SlotSize:
        """Return the size itself: jobs run one by one."""
        return size

    def trials_on_device(self, size: SlotSize) -> int:
        """Return 1: jobs run one by one."""
        return 1

    def free_slots(self, size: SlotSize, job_count: int) -> int:
        """Return 1, or 0 while a job waits for `poll` to run it."""
        return int(self.is_idle)

    def start(self, job: Job, should_stop: ShouldStop) -> None:
        """Note the job that the next `poll` runs."""
        self._job = job, should_stop

    def poll(self, events: Events, seconds: float) -> None:
        """Run the job to its end; without one, wait."""
        if self._job is None:
            time.sleep(seconds)
            return
        from orchestrator.execution.worker import run_job  # torch: only where trials run

        (job, should_stop), self._job = self._job, None
        report = functools.partial(events.on_heartbeat, job.trial_id)
        events.on_end(job.trial_id, run_job(job, report, should_stop))

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    def publish_states(self, experiment: str, trials: Sequence[TrialStatus]) -> None:
        """Do nothing: there is no dashboard."""

    def measure_latency(
        self,
        cells: Mapping[str, TrialConfig],
        baseline: str,
        size: SlotSize,
        report: ProcessReport,
        should_stop: ShouldStop,
    ) -> LatencyMeasurement:
        """Measure the latency of cells, in new processes on this machine; stop by Ctrl-C only."""
        compute = Compute.from_resources(size.cpus, size.gpus)
        return measure_latency(cells, baseline, compute, report=report)
