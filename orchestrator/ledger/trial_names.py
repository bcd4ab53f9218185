"""Names of trials: EXPERIMENT:CELL:SEED, or EXPERIMENT:CELL for all seeds of a cell.

"EXPERIMENT:CELL:sample 0" names a sample of the search of a cell. Names of experiments contain no
colon; those of cells may. Importing this module loads no SQLAlchemy.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import TrialStatus
from orchestrator.ledger.quick_names import (
    explain_missing,
    has_trial,
    is_quick,
    read_cell_labels,
    read_experiment_names,
)
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.untrusted.messages import list_briefly

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger


def check_name(name: str, url: str, is_one_trial: bool = False) -> None:
    """Refuse EXPERIMENT[:CELL[:SEED]] if an SQLite ledger lacks it, without loading SQLAlchemy.

    Raises:
        UserError: if there is no such experiment, cell or seed, or several where one is meant.
    """
    experiment, colon, rest = name.partition(":")
    experiments = _read_experiments(url) if is_quick(url) else None
    if experiments is None:
        return
    if experiment not in experiments:
        raise UserError(explain_missing("experiment", experiment, experiments))
    if colon and (labels := _read_labels(url, experiment)):
        cell, label = split_cell(experiment, rest, labels)
        if label is not None and label not in labels[cell]:
            raise UserError(_explain_label(experiment, cell, label, labels[cell]))
        seeds = [each for each in labels[cell] if each.isdecimal()] or labels[cell]
        if is_one_trial and label is None and len(seeds) > 1:
            raise UserError(_explain_several(name, seeds))


def check_name_or_trial_id(name: str, url: str, is_one_trial: bool = False) -> None:
    """Refuse a name as `check_name` does, unless a trial_id begins like this.

    Raises:
        UserError: as `check_name`, or if there is no such trial.
    """
    experiments = _read_experiments(url) if is_quick(url) else None
    if experiments is None or (":" not in name and has_trial(url, name)):
        return
    if ":" not in name and name not in experiments:
        raise UserError(explain_missing("experiment or trial", name, experiments))
    check_name(name, url, is_one_trial)


def _read_experiments(url: str) -> list[str] | None:
    with suppress(Exception):  # whoever opens the ledger says what is wrong with it
        return read_experiment_names(url)
    return None


def _read_labels(url: str, experiment: str) -> dict[str, list[str]]:
    with suppress(Exception):  # as above; a ledger of an earlier version has no samples
        return read_cell_labels(url, experiment)
    return {}


def find_trial(name: str, ledger: "Ledger") -> TrialStatus:
    """Return the trial that EXPERIMENT:CELL:SEED names; a cell's only seed may be omitted.

    Of a sample that went on, it is the trial that went on last.

    Raises:
        UserError: if there is no such trial, or more than one.
    """
    trials = find_trials(name, ledger)
    labels = list(dict.fromkeys(trial.label for trial in trials))
    if len(labels) > 1:
        raise UserError(_explain_several(name, labels))
    return trials[-1]


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

    Without a seed, they are those of the study; samples if the cell has none of the study yet.

    Raises:
        UserError: if there is no such experiment, cell or seed.
    """
    experiment, _, rest = name.partition(":")
    ledger.experiment(experiment)
    trials = ledger.trials(experiment, with_samples=True)
    cell, label = split_cell(experiment, rest, dict.fromkeys(trial.cell for trial in trials))
    of_cell = [trial for trial in trials if trial.cell == cell]
    if label is None:
        return [trial for trial in of_cell if trial.sample is None] or of_cell
    named = [trial for trial in of_cell if trial.label == label]
    if not named:
        labels = dict.fromkeys(trial.label for trial in of_cell)
        raise UserError(_explain_label(experiment, cell, label, labels))
    return named


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
        raise UserError(_explain_experiment(name, _read_labels(url, name)))


def _explain_several(name: str, labels: Sequence[str]) -> str:
    return (
        f"'{name}' names {len(labels)} trials: write '{name}:{labels[0]}' "
        f"(seeds: {list_briefly(labels)})"
    )


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


def _explain_label(experiment: str, cell: str, label: str, labels: Collection[str]) -> str:
    return (
        f"cell '{cell}' of experiment '{experiment}' has no seed '{label}' "
        f"(seeds: {list_briefly(labels)})"
    )
