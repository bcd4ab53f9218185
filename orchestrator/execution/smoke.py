"""A few steps of every cell of an experiment: to see that they run, or how long they take."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rich.console import Console

from orchestrator.execution.driver import RunTarget, open_executor
from orchestrator.execution.job import Heartbeat, Job, Outcome, SlotSize
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.execution.nodes.plan_check import check_experiment
from orchestrator.execution.stop_requests import StopRequests, stop_on_signal
from orchestrator.execution.trials.job_factory import JobFactory, Slots
from orchestrator.ledger.entries import State
from orchestrator.spec.experiment import Experiment
from orchestrator.storage import RESULT, Storage
from orchestrator.terminal.counts import count_of
from vss.errors import UserError

_SMOKE_STEPS = 2
_PROBE_STEPS = 5  # of which the clock leaves out the first three


def smoke(experiment: Experiment, target: RunTarget, console: Console) -> Mapping[str, Outcome]:
    """Run two steps of every cell and keep nothing, to check that every cell can be built, fits
    into memory and runs. What becomes of a cell is printed as soon as it is known.

    Returns:
        cell -> how its attempt ended.
    """

    def tell(cell: str, outcome: Outcome) -> None:
        problem = f"{outcome.state}: {outcome.message or ''}".rstrip(": ")
        text = "ok" if outcome.state == State.FINISHED else problem
        console.print(f"{cell}: {text}", highlight=False, soft_wrap=True)

    return _run_briefly(experiment, target, console, _SMOKE_STEPS, tell=tell)[0]


def probe(experiment: Experiment, target: RunTarget, console: Console) -> dict[str, float]:
    """Run five steps of every cell and keep nothing, to estimate how long its trials will train.

    Returns:
        cell -> seconds that all steps of one of its trials take; without cells that train less.

    Raises:
        UserError: if a cell does not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(folder)
        outcomes, trial_ids = _run_briefly(experiment, target, console, _PROBE_STEPS, storage)
        for cell, outcome in outcomes.items():
            if outcome.state != State.FINISHED:
                raise UserError(f"cell '{cell}' does not run: {outcome.message or outcome.state}")
        results = {
            cell: json.loads(Path(folder, trial_id, RESULT).read_text())
            for cell, trial_id in trial_ids.items()
        }
    return {
        cell: result["step_ms_median"] / 1000 * experiment.cells[cell].steps
        for cell, result in results.items()
        if result["step_ms_median"] is not None
    }


def _run_briefly(
    experiment: Experiment,
    target: RunTarget,
    console: Console,
    steps: int,
    storage: Storage | None = None,
    tell: Callable[[str, Outcome], None] = lambda cell, outcome: None,
) -> tuple[dict[str, Outcome], dict[str, str]]:
    """Run a few steps of every cell; return how each ended, and the trial that each was."""
    check_experiment(experiment)
    settings = target.settings
    data = ExperimentData(experiment, target.data, settings, target.address is not None)
    size = SlotSize.from_resources(experiment.resources)
    factory = JobFactory(experiment, data, settings, Slots(size, size, 1))
    jobs = {cell: factory.brief_job(cell, steps, storage) for cell in experiment.cells}
    cells_of: dict[str, list[str]] = defaultdict(list)
    for cell, job in jobs.items():
        cells_of[job.trial_id].append(cell)

    def tell_all(trial_id: str, outcome: Outcome) -> None:
        for cell in cells_of[trial_id]:
            tell(cell, outcome)

    events, stop = _Outcomes(tell_all), StopRequests()
    with (
        console.status(f"running {steps} steps of {count_of(len(jobs), 'cell')}"),
        stop_on_signal(stop, console.print, keeps_checkpoints=False),
        open_executor(target, f"{experiment.name}, smoke test") as executor,
    ):
        executor.check_fits(size)
        run_jobs(_JobList(jobs.values(), size), executor, events, stop)
    for trial_id in cells_of.keys() - events.by_trial.keys():
        events.on_end(trial_id, Outcome(State.CANCELLED))
    outcomes = {cell: events.by_trial[job.trial_id] for cell, job in jobs.items()}
    return outcomes, {cell: job.trial_id for cell, job in jobs.items()}


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
    """The outcomes of the jobs, by trial; a function is told of each."""

    def __init__(self, tell: Callable[[str, Outcome], None]) -> None:
        self.by_trial: dict[str, Outcome] = {}
        self._tell = tell

    def on_heartbeat(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Ignore heartbeats."""

    def on_end(self, trial_id: str, outcome: Outcome) -> None:
        """Keep the outcome, and pass it on."""
        self.by_trial[trial_id] = outcome
        self._tell(trial_id, outcome)
