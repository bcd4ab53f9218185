"""The end of a driver's work: the latency of all trained cells is measured."""

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

from orchestrator.execution.job import Executor, SlotSize
from orchestrator.execution.stop_requests import StopRequests, interrupt_on_signal
from orchestrator.execution.waiting.patience import Result, wait_until_reachable
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.time_left import format_seconds
from vss.trial_config import TrialConfig, parse_settings


class LatencyPhase:
    """Measures the cells of an experiment that have a result."""

    def __init__(
        self,
        experiment: Experiment,
        stores: Stores,
        driver: Driver,
        console: Console,
        open_executor: Callable[[], Executor],
    ) -> None:
        """Prepare the measurement.

        Args:
            experiment: the experiment.
            stores: the ledger and MLflow.
            driver: this process, which says in the ledger what it does.
            console: the console to print on.
            open_executor: returns the executor; called only if there is something to measure.
        """
        self._experiment = experiment
        self._stores = stores
        self._driver = driver
        self._console = console
        self._open_executor = open_executor

    def measure(self, parent: str, stop: StopRequests) -> None:
        """Measure all cells, unless the spec says no or these networks have been measured already.

        Args:
            parent: the experiment's own run in MLflow, which keeps the measurement.
            stop: polled continuously; Ctrl-C, which stops the measurement at once, adds to it.
        """
        if not self._experiment.measures_latency:
            return
        name, ledger, tracker = self._experiment.name, self._stores.ledger, self._stores.tracker
        cells = _find_trained_cells(self._patiently(lambda: ledger.trials(name)))
        measured_ids = self._patiently(lambda: tracker.read_latency(parent)).trial_ids()
        if cells and measured_ids != {cell: config.trial_id for cell, config in cells.items()}:
            self._measure(cells, parent, stop)

    def _measure(self, cells: Mapping[str, TrialConfig], parent: str, stop: StopRequests) -> None:
        one_at_a_time = ", one at a time" if len(cells) > 1 else ""
        activity = f"measuring the latency of {count_of(len(cells), 'cell')}{one_at_a_time}"
        self._console.print(activity)
        self._patiently(lambda: self._driver.set_activity(activity))
        size = SlotSize.from_resources(self._experiment.resources)
        try:
            with interrupt_on_signal():
                executor = self._open_executor()
                report = _ProcessReport(self._console)
                measurement = executor.measure_latency(
                    cells, self._experiment.baseline, size, report, stop.is_for_all
                )
        except KeyboardInterrupt:
            stop.stop_all()
            self._console.print("stopped: rerun the same command to measure latency")
            return
        finally:
            self._patiently(lambda: self._driver.set_activity(None))
        self._patiently(lambda: self._stores.tracker.log_latency(parent, measurement))

    def _patiently(self, call: Callable[[], Result]) -> Result:
        return wait_until_reachable(call, self._console.print)


class _ProcessReport:
    """Prints, after each process that has measured, how long the others will take."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if done < total:
            left = format_seconds((time.monotonic() - self._start) / done * (total - done))
            self._console.print(f"measured {done} of {total} times, about {left} left")


def _find_trained_cells(trials: Sequence[TrialStatus]) -> dict[str, TrialConfig]:
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
