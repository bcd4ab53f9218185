"""The driver: takes a checked experiment through all its trials.

Whenever a slot is free, the ledger hands out the next trial. A trial whose worker was lost goes
back to the ledger, and the driver waits for trials that another experiment is running. When all
have ended, the stages of the experiment may add more. One driver at a time runs an experiment;
others attach to it.
"""

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rich.console import Console

from orchestrator.execution.cluster.connection import check_address
from orchestrator.execution.handover.attachment import attach, count_left
from orchestrator.execution.handover.submission import Ending, Submission
from orchestrator.execution.job import Executor, SlotSize
from orchestrator.execution.latency_phase import LatencyPhase
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.nodes.experiment_data import ExperimentData, store_files
from orchestrator.execution.nodes.memory_check import check_memory
from orchestrator.execution.nodes.plan_check import check_experiment
from orchestrator.execution.nodes.store_check import check_stores
from orchestrator.execution.notifications.notifier import open_notifier
from orchestrator.execution.stages.registration import Registration
from orchestrator.execution.stop_requests import StopRequests, stop_on_signal
from orchestrator.execution.trials.job_factory import JobFactory, Slots
from orchestrator.execution.trials.recorder import Recorder
from orchestrator.execution.trials.retries import Retries
from orchestrator.execution.trials.trial_queue import TrialQueue
from orchestrator.execution.waiting.patience import Result, wait_until_reachable
from orchestrator.ledger.control.entries import Lease
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.results.report_state import is_reported
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores
from orchestrator.terminal.live_view import LiveView, note_dashboard
from orchestrator.upkeep.stale_files import remove_stale_files
from vss.trial_config import TrialConfig

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
        job: the id of the Ray job that this process is; None in a user's terminal.
        is_insecure: whether Ray may do without a token, so that others can run code on it.
    """

    settings: Settings
    data: Mapping[str, Path]
    address: str | None = None
    in_process: bool = False
    job: str | None = None
    is_insecure: bool = False


def submit(
    experiment: Experiment,
    target: RunTarget,
    stores: Stores,
    console: Console,
    write_report: Callable[[], None] = lambda: None,
) -> Submission:
    """Record an experiment; then run it, or follow the driver that runs it already.

    Ray is started only if there is something to run.

    Args:
        experiment: the experiment.
        target: the place where it runs.
        stores: the ledger and MLflow.
        console: the console to show it on.
        write_report: called at the end, unless the experiment was interrupted or cancelled.

    Raises:
        UserError: if something is wrong, before anything is recorded or started.
    """
    target.settings.storage.prepare()
    remove_stale_files(target.settings.storage.folder)
    if target.address is not None:
        store_files(experiment, target.settings.storage)
    ledger = stores.ledger
    with ledger.driver(target.job) as driver:
        with ExitStack() as stack:
            attempt = _Submit(experiment, target, stores, console, stack)
            ending = attempt.run(driver)
        if ending == Ending.OVER:
            wait_until_reachable(driver.touch, console.print)  # holds the lease for a minute
            if attempt.has_begun:
                wait_until_reachable(write_report, console.print)
            else:
                write_report()  # nothing is lost if it fails
    trials = wait_until_reachable(lambda: ledger.deciding_trials(experiment.name), console.print)
    return Submission(trials, ending)


def join_running(experiment: Experiment, target: RunTarget, stores: Stores) -> Lease | None:
    """Record an experiment that a driver runs already, which then runs its new trials too.

    Returns:
        the lease of that driver; None, and nothing recorded, if nobody runs the experiment.
    """
    lease = stores.ledger.lease(experiment.name)
    if lease is None or lease.is_cancelled:
        return None
    with ExitStack() as stack:
        _Submit(experiment, target, stores, Console(), stack).registration.record()
    return lease


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

    log = target.settings.home / "ray.log"
    connection = connect(target.address, log, target.is_insecure)
    try:
        # Ray may be imported only after `connect` has set its environment.
        from orchestrator.execution.cluster.executor import RayExecutor

        yield RayExecutor(connection.dashboard_url, name, connection.watch.check)
    finally:
        disconnect_in_background(connection.watch)  # so that the report can be written meanwhile


class _Submit:
    """One submit of an experiment; the executor is opened when it is first needed.

    Attributes:
        has_begun: whether it has run or followed trials, so that an outage is to be waited out.
    """

    def __init__(
        self,
        experiment: Experiment,
        target: RunTarget,
        stores: Stores,
        console: Console,
        stack: ExitStack,
    ) -> None:
        check_experiment(experiment)
        self._experiment = experiment
        self._target = target
        self._stores = stores
        self._console = console
        self._stack = stack
        self._notifier = stack.enter_context(
            open_notifier(experiment.name, target.settings.notify, console)
        )
        self.has_begun = False
        self._size = SlotSize.from_resources(experiment.resources)
        self._data = ExperimentData(
            experiment, target.data, target.settings, target.address is not None
        )
        self.registration = Registration(experiment, self._data, stores, self._read_fingerprint)

    def run(self, driver: Driver) -> Ending:
        """Record the experiment, then run it or follow its driver."""
        name, ledger = self._experiment.name, self._stores.ledger
        is_driven = ledger.lease(name) is not None
        unfinished = self.registration.list_unfinished()
        if not unfinished and not is_driven and self.registration.start_next_stage():
            unfinished = self.registration.list_unfinished()
        if unfinished and not is_driven:
            self._start_services(len(unfinished))
        elif not self.registration.is_recorded():
            self.registration.check_runs()
        has_changed = self.registration.record()
        has_work = is_driven or unfinished or has_changed
        if not has_work and is_reported(ledger.experiment(name), ledger.trials(name)):
            return Ending.OVER
        if not is_driven and not unfinished:
            self.registration.check_runs()  # nothing is lost by ending here
        self.has_begun = True
        if not driver.take_lease(name):
            if unfinished and not is_driven:  # another submit was faster, and may wait for slots
                self._executor.close()
            has_next_stage = self.registration.has_next_stage
            ending = attach(self._experiment, ledger, driver, self._console, has_next_stage)
            if ending is not None:
                return ending
        return self._drive(driver)

    @functools.cached_property
    def _executor(self) -> Executor:
        executor = self._stack.enter_context(open_executor(self._target, self._experiment.name))
        if executor.node_count > 1:
            nodes = f"the cluster has {executor.node_count} nodes"
            check_stores(self._target.settings, nodes)
        executor.check_fits(self._size)
        check_memory(self._experiment, lambda: executor.machines(self._size))
        return executor

    def _start_services(self, trial_count: int) -> None:
        """Open what takes seconds, at the same time; an error comes before anything is recorded."""
        check_address(self._target.address, self._target.is_insecure)
        self._stores.prepare_tracker()
        self._executor.free_slots(self._size, trial_count)
        self.registration.check_runs()
        threading.Thread(target=import_module, args=[_REPORT], daemon=True).start()

    def _read_fingerprint(self, config: TrialConfig, source: DataSource) -> str:
        return self._executor.read_fingerprint(config, source, self._size)

    def _drive(self, driver: Driver) -> Ending:
        """Run all trials and measure latency, again if trials join meanwhile."""
        experiment, ledger, stop = self._experiment, self._stores.ledger, StopRequests()
        parent = self._patiently(self._open_experiment_run)
        retries = Retries(experiment.resources.retries)
        latency = LatencyPhase(
            experiment, self._stores, driver, self._console, lambda: self._executor
        )
        with Recorder(driver, retries, stop, self._console.print) as recorder:
            queue = None
            while not stop.is_for_all():
                if self._patiently(lambda: count_left(experiment, ledger)) or self._grow(driver):
                    queue = self._run_trials(driver, recorder, stop)
                if not self._patiently(lambda: driver.take_lease(experiment.name)):
                    return Ending.LEFT  # this process was paused, and another submit took over
                if not stop.is_for_all():
                    latency.measure(parent, stop)
                if queue is None or not queue.count_ready():
                    break
        trials = self._patiently(lambda: ledger.deciding_trials(experiment.name))
        all_finished = all(trial.state == State.FINISHED for trial in trials)
        tracker = self._stores.tracker
        self._patiently(lambda: tracker.close_experiment_run(parent, all_finished))
        if not stop.is_for_all():
            if queue is not None:
                self._notifier.tell_end(trials)
            return Ending.OVER
        return Ending.CANCELLED if ledger.is_cancelled(experiment.name) else Ending.INTERRUPTED

    def _run_trials(self, driver: Driver, recorder: Recorder, stop: StopRequests) -> TrialQueue:
        """Run trials until every one has ended, or until they have been stopped."""
        experiment, ledger, executor = self._experiment, self._stores.ledger, self._executor
        size = self._size
        slots = Slots(size, executor.whole_device(size), executor.trials_on_device(size))
        factory = JobFactory(experiment, self._data, self._target.settings, slots)

        notes = note_dashboard(executor.dashboard_url)

        def observe(trials: Sequence[TrialStatus]) -> None:
            executor.publish_states(experiment.name, trials)
            self._notifier.observe(trials)

        with (
            LiveView(ledger, experiment.name, self._console, notes, observe=observe) as view,
            stop_on_signal(stop, view.note),
        ):
            note, notifier = view.note_once, self._notifier
            queue = TrialQueue(experiment, ledger, driver, factory, recorder, note, notifier)
            run_jobs(queue, executor, recorder, stop)
            while not stop.is_for_all() and self._grow(driver, view.note):
                run_jobs(queue, executor, recorder, stop)
        return queue

    def _grow(self, driver: Driver, say: Callable[[str], None] = lambda line: None) -> bool:
        return self._patiently(lambda: self.registration.grow(driver, say))

    def _open_experiment_run(self) -> str:
        name, ledger = self._experiment.name, self._stores.ledger
        self.registration.check_runs()  # the driver that this submit followed may use another store
        parent = self._stores.tracker.open_experiment_run(ledger.experiment(name))
        ledger.set_experiment_run(name, parent)
        return parent

    def _patiently(self, call: Callable[[], Result]) -> Result:
        return wait_until_reachable(call, self._console.print)
