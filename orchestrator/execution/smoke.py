"""The smoke test of an experiment: two steps of every cell, thrown away afterwards."""

import shutil
import uuid
from collections.abc import Mapping

from rich.console import Console

from orchestrator.execution.driver import Where, open_executor
from orchestrator.execution.job import Heartbeat, Outcome
from orchestrator.execution.job_factory import ExperimentData, JobFactory
from orchestrator.execution.stop_file import new_stop_file, stop_on_signal
from orchestrator.ledger.entries import State
from orchestrator.settings import make_folder
from orchestrator.spec.experiment import Experiment


def smoke(experiment: Experiment, where: Where, console: Console) -> Mapping[str, Outcome]:
    """Run two steps of every cell and keep nothing, to check that every cell can be built, fits
    into memory and runs.

    Returns:
        cell -> how its attempt ended.
    """
    settings, resources = where.settings, experiment.resources
    data = ExperimentData(experiment, where.data, settings)
    stop_file = new_stop_file(make_folder(settings.storage))
    folder = make_folder(settings.storage / f".smoke-{uuid.uuid4().hex[:8]}")
    events = _Outcomes()
    try:
        with (
            stop_on_signal(stop_file, console.print, keeps_checkpoints=False) as should_stop,
            open_executor(where) as executor,
        ):
            executor.check_fits(resources.cpus, resources.gpus)
            factory = JobFactory(experiment, data, settings, 1, stop_file)
            jobs = {cell: factory.smoke_job(cell, folder) for cell in experiment.cells}
            distinct_jobs = {job.trial_id: job for job in jobs.values()}
            executor.run(list(distinct_jobs.values()), events, should_stop, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    cancelled = Outcome(State.CANCELLED)
    return {cell: events.by_trial.get(job.trial_id, cancelled) for cell, job in jobs.items()}


class _Outcomes:
    """The outcomes of the jobs, by trial."""

    def __init__(self) -> None:
        self.by_trial: dict[str, Outcome] = {}

    def reported(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Ignore heartbeats."""

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """Keep the outcome."""
        self.by_trial[trial_id] = outcome
