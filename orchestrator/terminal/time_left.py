"""How long trials and experiments will still take, from the pace of their steps so far.

Scoring, loading and latency are not part of a trial's pace, so the estimates are a little short.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.ledger.overview.budget_status import BudgetStatus

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger


def seconds_left(trial: TrialStatus) -> float | None:
    """Return the time to the last step at the pace of this attempt; None before its first step."""
    pace = _step_seconds(trial)
    if trial.state != State.RUNNING or pace is None or trial.heartbeat_at is None:
        return None
    since_heartbeat = (datetime.now(UTC) - trial.heartbeat_at).total_seconds()
    remaining: float = pace * (trial.last_step - trial.step) - since_heartbeat
    return max(0.0, remaining)


def experiment_seconds_left(
    trials: Sequence[TrialStatus], budget: BudgetStatus | None = None
) -> float | None:
    """Return the time until no trial of an experiment runs any more; None if nothing tells.

    The trials to come are shared among as many slots as run trials now, each at the mean pace of
    its cell or, before that is known, of all cells.

    Args:
        trials: the trials.
        budget: the budget of the experiment, which may keep some of them from starting.
    """
    running = [trial for trial in trials if trial.state == State.RUNNING]
    paces = _mean_paces(trials)
    if not running or not paces:
        return None
    pending = [_estimate(trial, paces) for trial in trials if trial.state == State.PENDING]
    under_way = [_estimate(trial, paces) for trial in running]
    of_all = max(*under_way, (sum(under_way) + sum(pending)) / len(running))
    if budget is None or not pending:
        return of_all
    last_start = 3600 * budget.hours_left
    of_last = last_start + max(pending) if last_start > 0 else 0.0
    return min(of_all, max(*under_way, of_last))


def read_seconds_left(
    experiments: Sequence[ExperimentStatus], ledger: "Ledger"
) -> dict[str, float]:
    """Return name -> time left, for the experiments of which a trial is running."""
    estimates = {
        experiment.name: experiment_seconds_left(
            ledger.trials(experiment.name, with_samples=True), experiment.budget
        )
        for experiment in experiments
        if experiment.counts.get(State.RUNNING)
    }
    return {name: seconds for name, seconds in estimates.items() if seconds is not None}


def format_seconds(seconds: float | None) -> str:
    """Return a time as H:MM:SS, or as M:SS below an hour; empty if it is unknown."""
    if seconds is None:
        return ""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _estimate(trial: TrialStatus, paces: Mapping[str, float]) -> float:
    remaining = seconds_left(trial)
    if remaining is not None:
        return remaining
    pace = paces.get(trial.cell) or fmean(paces.values())
    # A pending trial resumes from its newest checkpoint, which is close to its last step.
    return float(pace * (trial.last_step - trial.step))


def _mean_paces(trials: Sequence[TrialStatus]) -> dict[str, float]:
    """Return the mean seconds of a step of each cell of which a trial has made steps."""
    paces: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        if (pace := _step_seconds(trial)) is not None:
            paces[trial.cell].append(pace)
    return {cell: fmean(values) for cell, values in paces.items()}


def _step_seconds(trial: TrialStatus) -> float | None:
    """Return the seconds of a step of the newest attempt; None if it has made none."""
    last_step = trial.last_step if trial.state == State.FINISHED else trial.step
    steps = last_step - trial.first_step
    end = trial.heartbeat_at if trial.ended_at is None else trial.ended_at
    if steps <= 0 or trial.started_at is None or end is None:
        return None
    return float((end - trial.started_at).total_seconds() / steps)
