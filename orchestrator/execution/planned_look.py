"""The looks that a submit trains: from the first one, or the one it has reached, to the last."""

from dataclasses import replace

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.looks import find_look
from orchestrator.stores import Stores
from vss.errors import UserError


def choose_look(experiment: Experiment, look: int | None, stores: Stores) -> Experiment:
    """Return the experiment with the trials of its first look, and the others for later.

    Without planned looks it stays as it is.

    Args:
        experiment: the experiment with the trials of all looks.
        look: number of the look to stop after, from 1; None for the last one.
        stores: the stores, whose ledger has the trials so far.

    Raises:
        UserError: if no such look is planned, or a later one was submitted before.
    """
    if not experiment.looks and look is None:
        return experiment
    reached = _reached_look(experiment, stores)
    if look is not None and look < reached:
        raise UserError(
            f"--look {look}: look {reached} of '{experiment.name}' was submitted before, and a "
            f"look cannot be undone; write --look {reached} or leave it out"
        )
    planned = experiment.at_look(look or len(experiment.looks))
    first = planned.at_look(1)
    later = tuple(t for t in planned.trials if t.trial_id not in first.trial_by_id)
    return replace(first, later_trials=later)


def _reached_look(experiment: Experiment, stores: Stores) -> int:
    """Return the last look that was submitted; 1 before the first, or under another plan."""
    if not experiment.looks or not stores.settings.has_ledger:
        return 1
    ledger = stores.ledger
    if experiment.name not in ledger.names():
        return 1
    if tuple(ledger.experiment(experiment.name).looks) != experiment.looks:
        return 1
    return find_look(experiment.looks, (trial.seed for trial in ledger.trials(experiment.name)))
