"""A report that keeps up with its experiment: built again whenever the ledger has news."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.ledger.ledger import Ledger, State, TrialStatus

_OPEN = (State.PENDING, State.RUNNING)


def watch(
    name: str,
    ledger: Ledger,
    build: Callable[[], Path],
    every_seconds: float,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Build the report of an experiment until none of its trials is pending or running.

    Args:
        name: of the experiment.
        ledger: where it stands.
        build: makes the report as it is now; the path of report.md.
        every_seconds: between two looks at the ledger.
        say: prints a line, one for each report.
        sleep: waits.

    Raises:
        UserError: if there is no such experiment, or no such folder can be made.
    """
    ledger.experiment(name)
    seen: object = None
    while True:
        trials = ledger.trials(name)
        if (now := _news(trials)) != seen:
            say(f"{_counts(trials)}: {build()}")
            seen = now
        if not any(trial.state in _OPEN for trial in trials):
            return
        sleep(every_seconds)


def _news(trials: Sequence[TrialStatus]) -> object:
    """What changes when something has happened to a trial."""
    return [(t.trial_id, t.cell, t.state, t.attempts, t.step, t.heartbeat_at) for t in trials]


def _counts(trials: Sequence[TrialStatus]) -> str:
    counts = Counter(trial.state for trial in trials)
    shown = [f"{counts[state]} {state.lower()}" for state in State if counts[state]]
    return ", ".join(shown) or "no trials"
