"""The live view of an experiment while it runs, read from the ledger."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.settings import command
from orchestrator.terminal.overview.look_line import describe_look
from orchestrator.terminal.progress_line import Interval, describe_progress
from orchestrator.terminal.trial_tables import build_trial_table, describe_waits

_REFRESH_SECONDS = 0.5


def note_dashboard(url: str | None) -> list[str]:
    """Return a note with the address of the Ray dashboard, if there is one."""
    if url is None:
        return []
    return [f"Ray dashboard: {url} (for its token, run {command('ray')} get-auth-token)"]


class LiveView:
    """A view of an experiment's trials: a table on a terminal, else a line per change and one
    every 30 seconds."""

    def __init__(
        self,
        ledger: Ledger,
        experiment: str,
        console: Console,
        notes: Sequence[str] = (),
        interval: Interval | None = None,
        observe: Callable[[Sequence[TrialStatus]], None] = lambda trials: None,
    ) -> None:
        """Prepare the view; a `with` block shows it.

        Args:
            ledger: the ledger, which is read twice per second.
            experiment: the experiment to show.
            console: the console to print on.
            notes: lines below the table, for example the address of the dashboard.
            interval: the time between lines about what runs, without a terminal.
            observe: a function that gets the trials whenever they have been read.
        """
        self._ledger = ledger
        self._experiment = experiment
        self._console = console
        self._notes = list(notes)
        self._printed_states: dict[str, State] = {}
        self._trials: Sequence[TrialStatus] = ()
        self._budget: BudgetStatus | None = None
        self._printed_waits: Sequence[str] = ()
        self._outage: Pause | None = None
        self._activity: str | None = None
        self._plan: tuple[Sequence[int], str] | None = None  # looks and baseline, not read yet
        self._look: str | None = None
        self._interval = interval or Interval()
        self._observe = observe
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        for note in self._notes:
            self._print_if_plain(note)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_requested.set()
        self._thread.join()
        self._show()
        self._live.stop()

    def note_once(self, text: str) -> None:
        """Add a line below the table, unless it was added before."""
        if text not in self._notes:
            self.note(text)

    def note(self, text: str) -> None:
        """Add a line below the table."""
        self._notes.append(text)
        self._print_if_plain(text)

    def _watch(self) -> None:
        while not self._stop_requested.wait(_REFRESH_SECONDS):
            self._show()

    def _show(self) -> None:
        self._read()
        if self._console.is_terminal:
            states = (self._look, self._activity, self._outage)
            lines = [*self._notes, *(str(line) for line in states if line)]
            room = max(5, self._console.size.height - 6 - len(lines))
            table = build_trial_table(self._trials, room, budget=self._budget)
            self._live.update(Group(table, *map(Text, lines)), refresh=True)
        else:
            self._print_changes(self._trials)
            if self._interval.is_over():
                progress = describe_progress(self._trials, self._budget, self._activity)
                self._print_if_plain(progress)

    def _read(self) -> None:
        """Read the trials; while the ledger is out of reach, those read last stay."""
        try:
            self._trials = self._ledger.trials(self._experiment, with_samples=True)
            self._note_look()
            self._budget = self._ledger.budget(self._experiment)
            lease = self._ledger.lease(self._experiment)
            self._note_activity(lease.activity if lease else None)
            self._observe(self._trials)
        except LedgerUnreachableError as error:
            if self._outage is None:
                self._outage = Pause("the ledger", error.reason)
                self._print_if_plain(str(self._outage))
        else:
            if self._outage is not None:
                self._print_if_plain("the ledger answers again")
            self._outage = None

    def _note_look(self) -> None:
        if self._plan is None:
            experiment = self._ledger.experiment(self._experiment)
            self._plan = experiment.looks, experiment.baseline
        look = describe_look(*self._plan, self._trials)
        if look is not None and look != self._look:
            self._print_if_plain(look)
        self._look = look

    def _note_activity(self, activity: str | None) -> None:
        if activity is not None and activity != self._activity:
            self._print_if_plain(activity)
        self._activity = activity

    def _print_if_plain(self, line: str) -> None:
        """Print a line where there is no terminal, on which it is shown below the table."""
        if not self._console.is_terminal:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _print_changes(self, trials: Sequence[TrialStatus]) -> None:
        for trial in trials:
            if self._printed_states.get(trial.trial_id, State.PENDING) != trial.state:
                count = sum(t.state == State.FINISHED for t in trials)
                self._print_if_plain(
                    f"[{count}/{len(trials)}] {trial.state:<9} {trial.name}"
                    + (f": {trial.message}" if trial.message else "")
                )
            self._printed_states[trial.trial_id] = trial.state
        waits = describe_waits(trials)
        for line in waits:
            if line not in self._printed_waits:
                self._print_if_plain(line)
        if self._printed_waits and not waits:
            self._print_if_plain("no trial waits any more")
        self._printed_waits = waits
