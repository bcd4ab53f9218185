"""Following an experiment that a submit runs elsewhere."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.entries import OPEN_STATES, State
from orchestrator.settings import command
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.live_view import LiveView
from orchestrator.terminal.overview.status import show_status

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger

_POLL_SECONDS = 1.0


def follow(
    name: str,
    ledger: "Ledger",
    console: Console,
    is_over: Callable[[], bool],
    notes: Sequence[str] = (),
) -> bool:
    """Show an experiment until it is over.

    Args:
        name: the experiment.
        ledger: the ledger that the experiment is in.
        console: the console to show it on.
        is_over: called once per second; an outage of the ledger counts as "not yet".
        notes: lines below the table.

    Returns:
        whether it is over; False if the user left before, by Ctrl-C.
    """
    try:
        with LiveView(ledger, name, console, notes):
            while not _holds(is_over):
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        return False
    return True


def watch(name: str, ledger: "Ledger", console: Console) -> int | None:
    """Show an experiment for as long as a submit runs it.

    Returns:
        the exit code of that submit; None if the user left before.

    Raises:
        UserError: if there is no such experiment.
    """
    ledger.experiment(name)
    lease = ledger.lease(name)
    if lease is None:
        show_status(name, ledger, console)
        return _exit_code(name, ledger)
    notes = [f"run by {lease.describe()}; Ctrl-C leaves it running"]
    if not follow(name, ledger, console, lambda: ledger.lease(name) is None, notes):
        return None
    trials = ledger.trials(name, with_samples=True)
    if (left := sum(trial.state in OPEN_STATES for trial in trials)) > 0:
        console.print(
            f"its submit has ended; {count_of(left, 'trial')} left: "
            f"{command('vss-orch')} submit its spec to continue",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    return _exit_code(name, ledger)


def _exit_code(name: str, ledger: "Ledger") -> int:
    states = {trial.state for trial in ledger.deciding_trials(name)}
    if State.CANCELLED in states and ledger.is_cancelled(name):
        return 130
    return int(states != {State.FINISHED})


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except LedgerUnreachableError:  # the live view says so
        return False
