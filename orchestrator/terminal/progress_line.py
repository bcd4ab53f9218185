"""Progress as lines of text, for output that is not a terminal."""

import time
from collections.abc import Callable, Sequence

from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.time_left import experiment_seconds_left, format_seconds, seconds_left

LINE_SECONDS = 30.0
_RESUMABLE = (State.PENDING, State.RUNNING, State.CANCELLED)
_MOST_TRIALS = 4  # running trials to describe in a line


class Interval:
    """A clock that says when the next line is due: the first time after a whole interval.

    Args:
        seconds: the time from one line to the next.
        clock: a function that returns the time in seconds; tests replace it.
    """

    def __init__(
        self, seconds: float = LINE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last = clock()

    def is_over(self) -> bool:
        """Return whether the interval is over; the next one then begins."""
        if self._clock() - self._last < self._seconds:
            return False
        self._last = self._clock()
        return True


def describe_progress(
    trials: Sequence[TrialStatus],
    budget: BudgetStatus | None = None,
    activity: str | None = None,
) -> str:
    """Return the progress of an experiment: "[3/12] 1 running, about 2:10 left; fcn, ...".

    Args:
        trials: its trials.
        budget: its budget, if it has one.
        activity: what its driver does while no trial runs.
    """
    running = [trial for trial in trials if trial.state == State.RUNNING]
    finished = sum(trial.state == State.FINISHED for trial in trials)
    parts = [f"[{finished}/{len(trials)}] {len(running) or 'no trial is'} running"]
    if activity is not None and not running:
        return f"[{finished}/{len(trials)}] {activity}"
    if (remaining := experiment_seconds_left(trials, budget)) is not None:
        parts[0] += f", about {format_seconds(remaining)} left"
    parts += [_describe_trial(trial) for trial in running[:_MOST_TRIALS]]
    if len(running) > _MOST_TRIALS:
        parts.append(f"and {len(running) - _MOST_TRIALS} more")
    return "; ".join(parts)


def describe_rest(trials: Sequence[TrialStatus]) -> str:
    """Return what has not ended: "1 trial stopped at step 202 of 600, 1 pending"."""
    stopped = [trial for trial in trials if trial.state in _RESUMABLE and trial.step > 0]
    pending = sum(trial.state in _RESUMABLE for trial in trials) - len(stopped)
    parts = []
    if stopped:
        numbers = sorted({trial.step for trial in stopped})
        steps = f"step {numbers[0]}"
        if len(numbers) > 1:
            steps = f"steps {numbers[0]} to {numbers[-1]}"
        end = stopped[0].last_step
        parts.append(f"{count_of(len(stopped), 'trial')} stopped at {steps} of {end}")
    if pending:
        parts.append(f"{pending} pending" if stopped else f"{count_of(pending, 'trial')} pending")
    return ", ".join(parts) or "every trial has ended"


def _describe_trial(trial: TrialStatus) -> str:
    parts = [f"step {trial.step}/{trial.last_step}"]
    if trial.loss is not None:
        parts.append(f"loss {trial.loss:.3f}")
    if (remaining := seconds_left(trial)) is not None:
        parts.append(f"{format_seconds(remaining)} left")
    return f"{trial.name}: {', '.join(parts)}"
