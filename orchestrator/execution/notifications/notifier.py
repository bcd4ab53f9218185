"""The notifier: tells the user what happens to an experiment while nobody looks."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from rich.console import Console

from orchestrator.execution.notifications.channel import Channel
from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.secrecy import redact
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.progress_line import Interval
from orchestrator.terminal.trial_tables import count_by_state

_PATIENCE = timedelta(seconds=60)  # a shorter wait is not worth a message
_FAILURES_SECONDS = 600.0  # from one message about failed trials to the next
_MOST_TRIALS = 5  # failed trials to name in a message


class Sender(Protocol):
    """A way to the user."""

    def send(self, title: str, text: str) -> None:
        """Send a message, without waiting for its delivery."""


class Notifier:
    """What has been told about an experiment.

    Args:
        experiment: its name, which begins every message.
        sender: the way to the user; None if there is none.
    """

    def __init__(self, experiment: str, sender: Sender | None) -> None:
        self._experiment = experiment
        self._sender = sender
        self._told: set[str] = set()
        self._untold_failures: dict[str, TrialStatus] = {}
        self._interval = Interval(_FAILURES_SECONDS)
        self._is_first_failure = True

    def observe(self, trials: Sequence[TrialStatus]) -> None:
        """Tell which trials have failed, and what the others wait for."""
        for trial in trials:
            key = f"{trial.trial_id} {trial.attempts}"
            if trial.state == State.FAILED and key not in self._told:
                self._told.add(key)
                self._untold_failures[key] = trial
            if trial.waiting_for is not None:
                self.tell_wait(trial.waiting_for)
        if self._untold_failures and (self._is_first_failure or self._interval.is_over()):
            self._tell_failures()

    def tell_wait(self, pause: Pause) -> None:
        """Tell, once, that a service has been waited for so long that a user should know."""
        if datetime.now().astimezone() - pause.since >= _PATIENCE:
            self._tell_once(f"waiting for {pause.service}", f"{pause}; it goes on by itself")

    def tell_budget(self, text: str) -> None:
        """Tell, once, that the budget is used up."""
        self._tell_once("budget used up", text)

    def tell_end(self, trials: Sequence[TrialStatus]) -> None:
        """Tell that the experiment has ended, with the failures that have not been told yet."""
        if self._untold_failures:
            self._tell_failures()
        all_finished = all(trial.state == State.FINISHED for trial in trials)
        title = "finished" if all_finished else "ended, not all trials have finished"
        self._send(title, f"{count_of(len(trials), 'trial')}: {count_by_state(trials)}")

    def _tell_failures(self) -> None:
        failures = list(self._untold_failures.values())
        lines = [f"{t.cell}, seed {t.seed}: {t.message}" for t in failures[:_MOST_TRIALS]]
        if len(failures) > _MOST_TRIALS:
            lines.append(f"and {len(failures) - _MOST_TRIALS} more")
        self._send(f"{count_of(len(failures), 'trial')} failed", "\n".join(lines))
        self._untold_failures.clear()
        self._is_first_failure = False

    def _tell_once(self, title: str, text: str) -> None:
        if title not in self._told:
            self._told.add(title)
            self._send(title, text)

    def _send(self, title: str, text: str) -> None:
        if self._sender is not None:
            self._sender.send(f"{self._experiment}: {title}", redact(text))


@contextmanager
def open_notifier(experiment: str, addresses: str | None, console: Console) -> Iterator[Notifier]:
    """Open a notifier, and wait at the end until its messages have been sent.

    Args:
        experiment: name of the experiment.
        addresses: addresses as Apprise writes them; None to tell nothing.
        console: the console to say on what could not be sent.

    Raises:
        UserError: if Apprise is not installed or does not know an address.
    """
    say = functools.partial(console.print, soft_wrap=True, markup=False, highlight=False)
    channel = Channel(addresses, say) if addresses else None
    try:
        yield Notifier(experiment, channel)
    finally:
        if channel is not None:
            channel.close()
