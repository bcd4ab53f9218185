"""The smoke test of an experiment: two steps of every cell, thrown away afterwards."""

from collections.abc import Iterable, Mapping

from rich.console import Console

from orchestrator.execution.driver import RunTarget, open_executor
from orchestrator.execution.job import Heartbeat, Job, Outcome, SlotSize
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.execution.stop_requests import StopRequests, stop_on_signal
from orchestrator.execution.trials.job_factory import JobFactory, Slots
from orchestrator.ledger.entries import State
from orchestrator.spec.experiment import Experiment


def smoke(experiment: Experiment, target: RunTarget, console: Console) -> Mapping[str, Outcome]:
    """Run two steps of every cell and keep nothing, to check that every cell can be built, fits
    into memory and runs.

    Returns:
        cell -> how its attempt ended.
    """
    settings = target.settings
    data = ExperimentData(experiment, target.data, settings, target.address is not None)
    size = SlotSize.from_resources(experiment.resources)
    factory = JobFactory(experiment, data, settings, Slots(size, size, 1))
    jobs = {cell: factory.smoke_job(cell) for cell in experiment.cells}
    events, stop = _Outcomes(), StopRequests()
    with (
        stop_on_signal(stop, console.print, keeps_checkpoints=False),
        open_executor(target, f"{experiment.name}, smoke test") as executor,
    ):
        executor.check_fits(size)
        run_jobs(_JobList(jobs.values(), size), executor, events, stop)
    cancelled = Outcome(State.CANCELLED)
    return {cell: events.by_trial.get(job.trial_id, cancelled) for cell, job in jobs.items()}


class _JobList:
    """A fixed list of jobs; equal cells are one job."""

    def __init__(self, jobs: Iterable[Job], size: SlotSize) -> None:
        self._remaining = list({job.trial_id: job for job in jobs}.values())
        self.size = size

    def count_ready(self) -> int:
        """Return the number of jobs that have not been taken."""
        return len(self._remaining)

    def take(self) -> Job:
        """Return the next job."""
        return self._remaining.pop(0)

    def is_over(self) -> bool:
        """Return whether all jobs have been taken."""
        return not self._remaining


class _Outcomes:
    """The outcomes of the jobs, by trial."""

    def __init__(self) -> None:
        self.by_trial: dict[str, Outcome] = {}

    def on_heartbeat(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Ignore heartbeats."""

    def on_end(self, trial_id: str, outcome: Outcome) -> None:
        """Keep the outcome."""
        self.by_trial[trial_id] = outcome
