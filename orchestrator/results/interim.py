"""Why the verdicts of an experiment are not final: trials are missing, or its plan has changed."""

from collections.abc import Sequence

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.spec.looks import find_look

_OPEN = (State.PENDING, State.RUNNING, State.CANCELLED)


def reason_for_interim(
    experiment: ExperimentStatus, trials: Sequence[TrialStatus], look: int
) -> str | None:
    """Return why the verdicts are not final; None if they are.

    A trial that failed has run to its end: it is missing, not outstanding.

    Args:
        experiment: the experiment.
        trials: all of its trials.
        look: the look that they belong to.
    """
    if experiment.earlier_seeds:
        return _describe_change(experiment)
    outstanding = sum(trial.state in _OPEN for trial in trials)
    absent = _count_absent(experiment, trials, look)
    if not outstanding and not absent:
        return None
    planned = len(trials) + absent
    return f"{outstanding + absent} of {planned} planned trials have not finished"


def current_look(experiment: ExperimentStatus, trials: Sequence[TrialStatus]) -> int:
    """Return the look that the trials belong to, from 1."""
    return find_look(experiment.looks, (trial.seed for trial in trials))


def _describe_change(experiment: ExperimentStatus) -> str:
    before, now = len(experiment.earlier_seeds), len(experiment.seeds)
    numbers = f"from {before} to {now}" if before != now else "to others, or to other looks"
    return (
        f"the planned seeds changed ({numbers}) after trials had finished; under another name, "
        "plan the looks with seeds: {from: 3, to: 10}"
    )


def _count_absent(experiment: ExperimentStatus, trials: Sequence[TrialStatus], look: int) -> int:
    """Count planned trials of listed cells that the ledger lacks, as after a partial import.

    A network that is only scored has no planned seeds. A cell without any trial is not noticed.
    """
    seeds = set(experiment.seeds)
    if experiment.looks:
        seeds = set(experiment.seeds[: experiment.looks[look - 1]])
    by_cell: dict[str, set[int]] = {}
    for trial in trials:
        if trial.settings.get("steps", 0) > 0:
            by_cell.setdefault(trial.cell, set()).add(trial.seed)
    return sum(len(seeds - of_cell) for of_cell in by_cell.values())
