"""The look that a submit trains up to: the first one, the one it has reached, or a later one."""

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.looks import find_look
from orchestrator.stores import Stores
from vss.errors import UserError


def choose_look(experiment: Experiment, look: int | None, stores: Stores) -> Experiment:
    """Return the experiment with the trials up to a look; unchanged if it plans none.

    Args:
        experiment: the experiment with the trials of all looks.
        look: number of the look, from 1; None for the first, or the one reached so far.
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
    return experiment.at_look(look or reached)


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
