"""The cells of an experiment that have a result."""

from collections.abc import Sequence

from orchestrator.ledger.entries import State, TrialStatus
from vss.trial_config import TrialConfig, parse_settings


def find_trained_cells(trials: Sequence[TrialStatus]) -> dict[str, TrialConfig]:
    """Return the first trial of each cell that has a result, also of cells that joined later."""
    trained = {trial.cell for trial in trials if trial.state == State.FINISHED}
    firsts: dict[str, TrialStatus] = {}
    for trial in trials:
        firsts.setdefault(trial.cell, trial)
    return {
        cell: parse_settings(dict(trial.settings))
        for cell, trial in firsts.items()
        if cell in trained
    }
