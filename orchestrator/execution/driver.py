"""The driver: takes a checked experiment through all its trials.

Whenever a slot is free, the ledger hands out the next trial. A trial whose worker was lost goes
back to the ledger, and the driver waits for trials that another submit is running.
"""

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rich.console import Console

from orchestrator.execution.job import Executor, SlotSize
from orchestrator.execution.job_factory import JobFactory, Slots
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.execution.nodes.memory_check import check_memory
from orchestrator.execution.recorder import Recorder
from orchestrator.execution.retries import Retries
from orchestrator.execution.stop_requests import StopRequests, stop_on_signal
from orchestrator.execution.trial_queue import TrialQueue
from orchestrator.execution.waiting.patience import wait_until_reachable
from orchestrator.ledger.entries import Changes, ExperimentEntry, Member, State, TrialStatus
from orchestrator.ledger.ledger import Ledger
from orchestrator.results.report_state import report_state
from orchestrator.settings import Settings, command, make_folder
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.live_view import LiveView
from vss.trial_config import TrialConfig, parse_settings

# Takes a second to import: done while the workers start.
_REPORT = "orchestrator.results.report"


@dataclass(frozen=True)
class RunTarget:
    """The place where an experiment runs.

    Attributes:
        settings: addresses and folders.
        data: dataset -> folder, as given on the command line.
        address: address of a Ray cluster, or None to start Ray on this machine.
        in_process: run one trial after the other in this process, without Ray.
    """

    settings: Settings
    data: Mapping[str, Path]
    address: str | None = None
    in_process: bool = False


@dataclass(frozen=True)
class Submission:
    """The state of an experiment at the end of a submit.

    Attributes:
        trials: all of its trials, in its order.
        interrupted: whether the user stopped it.
    """

    trials: Sequence[TrialStatus]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """The exit code of a command: 0 all finished, 1 a trial failed, 130 interrupted."""
        if self.interrupted:
            return 130
        return int(any(trial.state != State.FINISHED for trial in self.trials))


def submit(
    experiment: Experiment, target: RunTarget, stores: Stores, console: Console
) -> Submission:
    """Run all unfinished trials of an experiment, then measure latency.

    Ray is started only if there is something to run.

    Raises:
        UserError: if something is wrong, before anything is recorded or started.
    """
    data = ExperimentData(experiment, target.data, target.settings, target.address is not None)
    make_folder(target.settings.storage)
    ledger = stores.ledger
    unfinished = ledger.unfinished([trial.trial_id for trial in experiment.trials])
    interrupted = False
    with ExitStack() as stack:
        executor = functools.cache(lambda: stack.enter_context(_prepare(experiment, target)))
        if unfinished:
            stores.prepare_tracker()  # MLflow takes seconds to open, as does Ray
            executor().free_slots(_slot_size(experiment), len(unfinished))
            stores.tracker  # noqa: B018  # raises an error before anything is recorded
            threading.Thread(target=import_module, args=[_REPORT]).start()
        data.find_elsewhere(
            lambda: ledger.started_fingerprints([trial.trial_id for trial in experiment.trials]),
            functools.partial(_read_fingerprint, executor, _slot_size(experiment)),
        )
        members = [Member(trial, data.fingerprint(trial.config)) for trial in experiment.trials]
        changes = ledger.add(ExperimentEntry.from_experiment(experiment), members)
        if (
            not unfinished
            and not any((changes.joined, changes.left))
            and _is_reported(experiment.name, ledger)
        ):
            return Submission(ledger.trials(experiment.name), interrupted=False)
        parent = _open_runs(experiment.name, changes, stores)
        if unfinished:
            interrupted = _run_trials(experiment, data, target, stores, executor(), console)
        if not interrupted:
            _measure_latency(experiment, stores, parent, executor, console)
    trials = wait_until_reachable(lambda: ledger.trials(experiment.name), console.print)
    stores.tracker.close_experiment_run(parent, all(t.state == State.FINISHED for t in trials))
    return Submission(trials, interrupted)


def _read_fingerprint(
    executor: Callable[[], Executor], size: SlotSize, config: TrialConfig, source: DataSource
) -> str:
    return executor().read_fingerprint(config, source, size)


def _is_reported(name: str, ledger: Ledger) -> bool:
    """Return whether an earlier submit has done all that this one could do."""
    experiment, trials = ledger.experiment(name), ledger.trials(name)
    states = {report_state(experiment, trials, pictures) for pictures in (True, False)}
    return experiment.report_state is not None and experiment.report_state in states


@contextmanager
def open_executor(target: RunTarget, name: str) -> Iterator[Executor]:
    """Connect to Ray, or run in process, until the block ends.

    Args:
        target: the place where trials run.
        name: what the Ray dashboard calls the workers.
    """
    if target.in_process:
        from orchestrator.execution.in_process import InProcess

        yield InProcess()
        return
    from orchestrator.execution.cluster.connection import connect, disconnect_in_background

    connection = connect(target.address)
    try:
        # Ray may be imported only after `connect` has set its environment.
        from orchestrator.execution.cluster.executor import RayExecutor

        yield RayExecutor(connection.dashboard_url, name)
    finally:
        disconnect_in_background()  # takes a second, in which the report can be written


@contextmanager
def _prepare(experiment: Experiment, target: RunTarget) -> Iterator[Executor]:
    with open_executor(target, experiment.name) as executor:
        size = _slot_size(experiment)
        executor.check_fits(size)
        check_memory(experiment, lambda: executor.machines(size))
        yield executor


def _open_runs(name: str, changes: Changes, stores: Stores) -> str:
    """Tag the runs of trials that joined or left an experiment, and open its parent run.

    Returns:
        the id of the parent run.
    """
    tracker = stores.tracker
    for run_id, cell in changes.joined.items():
        tracker.tag(run_id, f"experiment/{name}", cell)
    for run_id in changes.left:
        tracker.untag(run_id, f"experiment/{name}")
    parent = tracker.open_experiment_run(stores.ledger.experiment(name))
    stores.ledger.set_experiment_run(name, parent)
    return parent


def _run_trials(
    experiment: Experiment,
    data: ExperimentData,
    target: RunTarget,
    stores: Stores,
    executor: Executor,
    console: Console,
) -> bool:
    """Run trials until every one has ended; return whether the user stopped them."""
    settings, ledger, size = target.settings, stores.ledger, _slot_size(experiment)
    stop = StopRequests()
    slots = Slots(size, executor.whole_device(size), executor.trials_on_device(size))
    factory = JobFactory(experiment, data, settings, slots)
    publish_states = functools.partial(executor.publish_states, experiment.name)
    with (
        ledger.driver() as driver,
        LiveView(
            ledger, experiment.name, console, _notes(executor), observe=publish_states
        ) as view,
        stop_on_signal(stop, view.note),
        Recorder(driver, Retries(experiment.resources.retries), stop, view.note) as recorder,
    ):
        ledger.upkeep.reopen(experiment.name)
        queue = TrialQueue(experiment, ledger, driver, factory, recorder, view.note_once)
        run_jobs(queue, executor, recorder, stop)
        return stop.is_for_all()


def _notes(executor: Executor) -> list[str]:
    url = executor.dashboard_url
    return (
        [f"Ray dashboard: {url} (for its token, run {command('ray')} get-auth-token)"]
        if url
        else []
    )


def _slot_size(experiment: Experiment) -> SlotSize:
    return SlotSize.from_resources(experiment.resources)


def _measure_latency(
    experiment: Experiment,
    stores: Stores,
    parent: str,
    executor: Callable[[], Executor],
    console: Console,
) -> None:
    """Measure all cells that have a result, unless exactly these networks have been measured
    already."""
    trials = wait_until_reachable(lambda: stores.ledger.trials(experiment.name), console.print)
    cells = _trained_cells(trials)
    measured_ids = stores.tracker.read_latency(parent).trial_ids()
    if cells and measured_ids != {name: config.trial_id for name, config in cells.items()}:
        one_at_a_time = ", one at a time" if len(cells) > 1 else ""
        console.print(f"measuring the latency of {count_of(len(cells), 'cell')}{one_at_a_time}")
        baseline = experiment.baseline
        measurement = executor().measure_latency(cells, baseline, _slot_size(experiment))
        stores.tracker.log_latency(parent, measurement)


def _trained_cells(trials: Sequence[TrialStatus]) -> dict[str, TrialConfig]:
    """Return the first trial of each cell that has a result, also of cells that joined later."""
    trained = {trial.cell for trial in trials if trial.state == State.FINISHED}
    firsts: dict[str, TrialStatus] = {}
    for trial in trials:
        firsts.setdefault(trial.cell, trial)
    return {
        cell: parse_settings(dict(trial.settings))
        for cell, trial in firsts.items()
        if cell in trained
    }
