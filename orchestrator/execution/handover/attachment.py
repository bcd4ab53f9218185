"""A submit of an experiment that another driver runs: it follows, and takes over if need be."""

from collections.abc import Callable

from rich.console import Console

from orchestrator.execution.handover.submission import Ending
from orchestrator.ledger.control.entries import Lease
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import OPEN_STATES
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.overview.following import follow


def attach(
    experiment: Experiment,
    ledger: Ledger,
    driver: Driver,
    console: Console,
    has_next_stage: Callable[[], bool] = lambda: False,
) -> Ending | None:
    """Follow the driver that runs an experiment, until it has ended.

    Args:
        experiment: the experiment, which has been recorded.
        ledger: the ledger that it is in.
        driver: this process, which takes the lease once it is free.
        console: the console to show the experiment on.
        has_next_stage: returns whether more trials follow, although all have ended.

    Returns:
        how this submit ends; None if it has the lease now and something is left to do.
    """
    name, lease = experiment.name, ledger.lease(experiment.name)
    # One that was being cancelled when this submit came is not this one's business.
    was_cancelled = ledger.is_cancelled(name)
    notes = [] if lease is None else [_describe(lease)]

    def is_over() -> bool:
        driver.touch()
        if ledger.is_cancelled(name) and not was_cancelled:
            return ledger.lease(name) is None
        return driver.take_lease(name)

    if not follow(name, ledger, console, is_over, notes):
        return Ending.LEFT
    if was_cancelled:
        ledger.upkeep.reopen(name)
    elif ledger.is_cancelled(name):
        return Ending.CANCELLED
    left = count_left(experiment, ledger)
    if not left and has_next_stage():
        return None
    if left:
        trials = count_of(left, "trial")
        console.print(
            f"that submit has ended, or has not been heard of for a minute; going on here with "
            f"{trials}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    return None if left else Ending.OVER


def _describe(lease: Lease) -> str:
    if lease.is_cancelled:
        return f"waiting for {lease.describe()}, which has been cancelled, to end"
    return f"attached to {lease.describe()}, which runs it; Ctrl-C leaves it running"


def count_left(experiment: Experiment, ledger: Ledger) -> int:
    """Return how many trials a driver that takes over would go on with."""
    trials = ledger.trials(experiment.name, with_samples=True)
    if experiment.resources.on_failure == "stop" and any(trial.is_failure for trial in trials):
        return 0
    return sum(trial.state in OPEN_STATES for trial in trials)
