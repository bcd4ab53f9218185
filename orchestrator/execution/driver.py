"""The driver: takes a checked experiment through all its trials.

Rounds: claim the unfinished trials, run them, look again. A trial whose worker was lost is claimed
again as a new attempt; the driver waits for trials that another submit is running.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orchestrator.execution.job import Executor
from orchestrator.execution.job_factory import ExperimentData, JobFactory
from orchestrator.execution.round import Retries, Round
from orchestrator.execution.stop_file import new_stop_file, stop_on_signal
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import ExperimentEntry, Member, State, TrialStatus
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings, command, make_folder
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores, open_ledger, open_tracker
from orchestrator.terminal.live_view import LiveView

_WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class Where:
    """Where an experiment runs.

    Attributes:
        settings: addresses and folders.
        data: dataset -> folder, as given on the command line.
        address: of a Ray cluster, or None to start one on this machine.
        in_process: run one trial after the other in this process, without Ray.
    """

    settings: Settings
    data: Mapping[str, Path]
    address: str | None = None
    in_process: bool = False


@dataclass(frozen=True)
class Submitted:
    """The state of an experiment at the end of a submit.

    Attributes:
        trials: all of its trials, in its order.
        interrupted: the user stopped it.
    """

    trials: Sequence[TrialStatus]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """The exit code of a command: 0 all finished, 1 a trial failed, 130 interrupted."""
        if self.interrupted:
            return 130
        return int(any(trial.state != State.FINISHED for trial in self.trials))


def submit(experiment: Experiment, where: Where, console: Console) -> Submitted:
    """Run all unfinished trials of an experiment, then measure latency.

    Raises:
        UserError: before anything is entered or started.
    """
    settings, resources = where.settings, experiment.resources
    data = ExperimentData(experiment, where.data, settings)
    make_folder(settings.storage)
    ledger = open_ledger(settings)
    with ThreadPoolExecutor(1) as pool:
        # MLflow takes seconds to import and to make its tables, Ray takes seconds to start.
        opening = pool.submit(open_tracker, settings)
        with open_executor(where) as executor:
            executor.check_fits(resources.cpus, resources.gpus)
            stores = Stores(ledger, opening.result())
            parent = _enter(experiment, data, stores)
            interrupted = _run_trials(experiment, data, where, ledger, executor, console)
            if not interrupted:
                _measure_latency(experiment, stores, parent, executor, console)
    trials = ledger.trials(experiment.name)
    stores.tracker.close_experiment_run(parent, all(t.state == State.FINISHED for t in trials))
    return Submitted(trials, interrupted)


@contextmanager
def open_executor(where: Where) -> Iterator[Executor]:
    """Connect to Ray, or run in process, until the block ends."""
    if where.in_process:
        from orchestrator.execution.in_process import InProcess

        yield InProcess()
        return
    from orchestrator.execution.ray_cluster import connect, disconnect

    try:
        yield connect(where.address)
    finally:
        disconnect()


def _enter(experiment: Experiment, data: ExperimentData, stores: Stores) -> str:
    """Enter an experiment into ledger and MLflow; returns its parent run."""
    ledger, tracker = stores.ledger, stores.tracker
    name = experiment.name
    members = [Member(trial, data.fingerprint(trial.config)) for trial in experiment.trials]
    changes = ledger.add(ExperimentEntry.from_experiment(experiment), members)
    for run_id, cell in changes.joined.items():
        tracker.tag(run_id, f"experiment/{name}", cell)
    for run_id in changes.left:
        tracker.untag(run_id, f"experiment/{name}")
    parent = tracker.open_experiment_run(ledger.experiment(name))
    ledger.set_experiment_run(name, parent)
    return parent


def _run_trials(
    experiment: Experiment,
    data: ExperimentData,
    where: Where,
    ledger: Ledger,
    executor: Executor,
    console: Console,
) -> bool:
    """Run rounds until every trial has ended; True if the user stopped them."""
    settings, resources = where.settings, experiment.resources
    stop_file = new_stop_file(settings.storage)
    on_device = executor.trials_on_device(resources.cpus, resources.gpus)
    factory = JobFactory(experiment, data, settings, on_device, stop_file)
    retries = Retries(resources.retries)
    with (
        ledger.driver() as driver,
        LiveView(ledger, experiment.name, console, _notes(executor)) as view,
        stop_on_signal(stop_file, view.note) as should_stop,
    ):
        while not should_stop():
            trials = ledger.trials(experiment.name)
            unfinished = [
                trial
                for trial in trials
                if trial.state != State.FINISHED and trial.trial_id not in retries.given_up
            ]
            if not unfinished:
                break
            ready = _ready_trials(unfinished, trials, driver, retries)
            if not ready:
                continue  # only students of failed teachers were left
            claims = driver.claim([trial.trial_id for trial in ready])
            if claims:
                jobs = [factory.job(claim, ledger.membership(claim.trial_id)) for claim in claims]
                with Round(driver, claims, retries, should_stop) as events:
                    executor.run(jobs, events, should_stop, settings.storage)
            else:
                view.note_once(
                    f"waiting for trials that another submit is running: {len(unfinished)}"
                )
                driver.touch()
                time.sleep(_WAIT_SECONDS)
        return should_stop()


def _notes(executor: Executor) -> list[str]:
    url = executor.dashboard_url
    return [f"Ray dashboard: {url} (its token: {command('ray')} get-auth-token)"] if url else []


def _ready_trials(
    unfinished: Sequence[TrialStatus],
    trials: Sequence[TrialStatus],
    driver: Driver,
    retries: Retries,
) -> list[TrialStatus]:
    """Return the trials that can start: students wait for their teacher, or fail with it."""
    by_id = {trial.trial_id: trial for trial in trials}
    ready = []
    for trial in unfinished:
        teacher = by_id.get(trial.settings.get("teacher", "none"))
        if teacher is None or teacher.state == State.FINISHED:
            ready.append(trial)
        elif teacher.trial_id in retries.given_up:
            retries.given_up.add(trial.trial_id)
            message = f"its teacher failed: {teacher.cell}, seed {teacher.seed}"
            for claim in driver.claim([trial.trial_id]):
                driver.end(claim, State.FAILED, message, message)
    return ready


def _measure_latency(
    experiment: Experiment,
    stores: Stores,
    parent: str,
    executor: Executor,
    console: Console,
) -> None:
    """Measure all cells that have a result, unless exactly these networks have been measured
    already."""
    trials = stores.ledger.trials(experiment.name)
    trained = {t.cell for t in trials if t.state == State.FINISHED}
    cells = {name: config for name, config in experiment.cells.items() if name in trained}
    measured_ids = stores.tracker.read_latency(parent).trial_ids()
    if cells and measured_ids != {name: config.trial_id for name, config in cells.items()}:
        console.print(f"measuring the latency of {len(cells)} cells, one at a time")
        resources = experiment.resources
        measurement = executor.measure_latency(
            cells, experiment.baseline, resources.cpus, resources.gpus
        )
        stores.tracker.log_latency(parent, measurement)
