"""Names of trials: EXPERIMENT:CELL:SEED, or EXPERIMENT:CELL for all seeds of a cell.

Names of experiments contain no colon; those of cells may. Importing this module loads no
SQLAlchemy.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import TrialStatus
from orchestrator.ledger.quick_names import (
    explain_missing,
    has_trial,
    is_quick,
    read_cell_seeds,
    read_experiment_names,
)
from vss.errors import UserError
from vss.suggestions import did_you_mean

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger


def check_name(name: str, url: str) -> None:
    """Refuse EXPERIMENT[:CELL[:SEED]] if an SQLite ledger lacks it, without loading SQLAlchemy.

    Raises:
        UserError: if there is no such experiment, cell or seed.
    """
    experiment, colon, rest = name.partition(":")
    experiments = _read_experiments(url) if is_quick(url) else None
    if experiments is None:
        return
    if experiment not in experiments:
        raise UserError(explain_missing("experiment", experiment, experiments))
    if colon:
        seeds = read_cell_seeds(url, experiment)
        cell, seed = split_cell(experiment, rest, seeds)
        if seed is not None and seed not in map(str, seeds[cell]):
            raise UserError(_explain_seed(experiment, cell, seed, seeds[cell]))


def check_name_or_trial_id(name: str, url: str) -> None:
    """Refuse a name as `check_name` does, unless a trial_id begins like this.

    Raises:
        UserError: if there is no such experiment, cell, seed or trial.
    """
    experiments = _read_experiments(url) if is_quick(url) else None
    if experiments is None or (":" not in name and has_trial(url, name)):
        return
    if ":" not in name and name not in experiments:
        raise UserError(explain_missing("experiment or trial", name, experiments))
    check_name(name, url)


def _read_experiments(url: str) -> list[str] | None:
    with suppress(Exception):  # whoever opens the ledger says what is wrong with it
        return read_experiment_names(url)
    return None


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
    trials = ledger.deciding_trials(experiment)
    cell, seed = split_cell(experiment, rest, dict.fromkeys(trial.cell for trial in trials))
    of_cell = [trial for trial in trials if trial.cell == cell]
    if seed is None:
        return of_cell
    of_seed = [trial for trial in of_cell if str(trial.seed) == seed]
    if not of_seed:
        raise UserError(_explain_seed(experiment, cell, seed, [trial.seed for trial in of_cell]))
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
        if name in ledger.names():
            raise UserError(_explain_experiment(name, [t.cell for t in ledger.trials(name)]))
        raise UserError(explain_missing("experiment or trial", name, ledger.names()))
    if len(trial_ids) > 1:
        listed = ", ".join(trial_ids[:5])
        raise UserError(f"several trials begin with '{name}' ({listed}): write more characters")
    return trial_ids


def refuse_experiment(name: str, url: str) -> None:
    """Check that a name where a trial is meant is not that of an experiment.

    Raises:
        UserError: if it is, naming its cells.
    """
    if name in (_read_experiments(url) or ()):
        raise UserError(_explain_experiment(name, read_cell_seeds(url, name)))


def _explain_experiment(name: str, cells: Iterable[str]) -> str:
    listed = ", ".join(dict.fromkeys(cells))
    return f"'{name}' is an experiment, not a trial: write {name}:CELL:SEED (cells: {listed})"


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


def _explain_seed(experiment: str, cell: str, seed: str, seeds: Sequence[int]) -> str:
    return (
        f"cell '{cell}' of experiment '{experiment}' has no seed '{seed}' "
        f"(seeds: {', '.join(map(str, seeds))})"
    )


def _list_seeds(trials: Sequence[TrialStatus]) -> str:
    return ", ".join(str(trial.seed) for trial in trials)
