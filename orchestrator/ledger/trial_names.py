"""Names of trials: EXPERIMENT:CELL:SEED, or EXPERIMENT:CELL for all seeds of a cell.

Names of experiments contain no colon; those of cells may.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import TrialStatus
from orchestrator.ledger.ledger import explain_missing
from vss.errors import UserError
from vss.suggestions import did_you_mean

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger


def find_trial(name: str, ledger: "Ledger") -> TrialStatus:
    """Return the trial that EXPERIMENT:CELL:SEED names; a cell's only seed may be omitted.

    Raises:
        UserError: if there is no such trial, or more than one.
    """
    trials = find_trials(name, ledger)
    if len(trials) > 1:
        raise UserError(
            f"'{name}' names {len(trials)} trials: write {name}:SEED (seeds: {_list_seeds(trials)})"
        )
    return trials[0]


def find_trial_id(name: str, ledger: "Ledger") -> str:
    """Return the trial that EXPERIMENT:CELL:SEED or the beginning of a trial_id names.

    Raises:
        UserError: if there is no such trial, or more than one.
    """
    if ":" in name:
        return find_trial(name, ledger).trial_id
    (trial_id,) = find_trial_ids(name, ledger)
    return trial_id


def find_trials(name: str, ledger: "Ledger") -> list[TrialStatus]:
    """Return the trials that EXPERIMENT:CELL[:SEED] names, at least one.

    Raises:
        UserError: if there is no such experiment, cell or seed.
    """
    experiment, _, rest = name.partition(":")
    ledger.experiment(experiment)
    trials = ledger.trials(experiment)
    cell, seed = split_cell(experiment, rest, dict.fromkeys(trial.cell for trial in trials))
    of_cell = [trial for trial in trials if trial.cell == cell]
    if seed is None:
        return of_cell
    of_seed = [trial for trial in of_cell if str(trial.seed) == seed]
    if not of_seed:
        raise UserError(
            f"cell '{cell}' of experiment '{experiment}' has no seed '{seed}' "
            f"(seeds: {_list_seeds(of_cell)})"
        )
    return of_seed


def find_trial_ids(name: str, ledger: "Ledger") -> list[str]:
    """Return the trials that EXPERIMENT:CELL[:SEED] or the beginning of a trial_id names.

    Raises:
        UserError: if there is no such trial, or several begin like this.
    """
    if ":" in name:
        return [trial.trial_id for trial in find_trials(name, ledger)]
    trial_ids = ledger.find_trial_ids(name)
    if not trial_ids:
        refuse_experiment(name, ledger)
        raise UserError(explain_missing("experiment or trial", name, ledger.names()))
    if len(trial_ids) > 1:
        listed = ", ".join(trial_ids[:5])
        raise UserError(f"several trials begin with '{name}' ({listed}): write more characters")
    return trial_ids


def refuse_experiment(name: str, ledger: "Ledger") -> None:
    """Check that a name where a trial is meant is not that of an experiment.

    Raises:
        UserError: if it is, naming its cells.
    """
    if name in ledger.names():
        cells = ", ".join(dict.fromkeys(trial.cell for trial in ledger.trials(name)))
        raise UserError(
            f"'{name}' is an experiment, not a trial: write {name}:CELL:SEED (cells: {cells})"
        )


def split_cell(experiment: str, text: str, cells: Collection[str]) -> tuple[str, str | None]:
    """Split CELL[:SEED] into the longest cell of that name and the text of the seed, if any.

    Raises:
        UserError: if the experiment has no such cell.
    """
    for cell in sorted(cells, key=len, reverse=True):
        if text == cell:
            return cell, None
        if text.startswith(f"{cell}:"):
            return cell, text.removeprefix(f"{cell}:")
    hint = did_you_mean(text, dict.fromkeys(cells))
    raise UserError(
        f"experiment '{experiment}' has no cell '{text}' (cells: {', '.join(cells)}){hint}"
    )


def _list_seeds(trials: Sequence[TrialStatus]) -> str:
    return ", ".join(str(trial.seed) for trial in trials)
