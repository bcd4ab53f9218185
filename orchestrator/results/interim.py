"""Interim verdicts: those of an experiment that lacks trials or whose plan has changed."""

from collections.abc import Sequence

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.spec.looks import find_look

_OUTSTANDING_STATES = (State.PENDING, State.RUNNING, State.CANCELLED)


def explain_interim(experiment: ExperimentStatus, trials: Sequence[TrialStatus]) -> str | None:
    """Return the reason why the verdicts are not final, or None if they are.

    Failed trials do not count: they have ended, and their results are missing for good.

    Args:
        experiment: the experiment.
        trials: all of its trials.
    """
    outstanding_count = sum(trial.state in _OUTSTANDING_STATES for trial in trials)
    stop = _describe_budget(experiment) if outstanding_count else ""
    if experiment.earlier_seeds:
        return _describe_change(experiment) + stop
    unrecorded_count = _count_unrecorded(experiment, trials)
    if not outstanding_count and not unrecorded_count:
        return None
    planned_count = len(trials) + unrecorded_count
    unfinished_count = outstanding_count + unrecorded_count
    have = "has" if unfinished_count == 1 else "have"
    return f"{unfinished_count} of {planned_count} planned trials {have} not finished{stop}"


def find_current_look(experiment: ExperimentStatus, trials: Sequence[TrialStatus]) -> int:
    """Return the number of the last look that trials belong to, counted from 1."""
    return find_look(experiment.looks, (trial.seed for trial in trials))


def _describe_budget(experiment: ExperimentStatus) -> str:
    """Return the end of a sentence; empty unless a budget is used up."""
    if experiment.budget is None or not experiment.budget.is_used_up:
        return ""
    return f"; the budget is used up ({experiment.budget})"


def _describe_change(experiment: ExperimentStatus) -> str:
    earlier, current = len(experiment.earlier_seeds), len(experiment.seeds)
    change = f"from {earlier} to {current}"
    if earlier == current:
        change = "to different seeds or different looks"
    return (
        f"the planned seeds changed ({change}) after trials had finished; to add seeds later, "
        "plan looks under a new name, with seeds: {from: 3, to: 10}"
    )


def _count_unrecorded(experiment: ExperimentStatus, trials: Sequence[TrialStatus]) -> int:
    """Count the planned trials that the ledger does not have, for example after a partial import.

    Of a cell that an early look has settled, only the seeds up to that look are planned. Networks
    that are only scored have no planned seeds. Cells without any trial do not count.
    """
    seeds_by_cell: dict[str, set[int]] = {}
    for trial in trials:
        if trial.settings.get("steps", 0) > 0:
            seeds_by_cell.setdefault(trial.cell, set()).add(trial.seed)
    planned, looks = experiment.seeds, experiment.looks
    return sum(
        len({*planned[: looks[find_look(looks, seeds) - 1] if looks else None]} - seeds)
        for seeds in seeds_by_cell.values()
    )
