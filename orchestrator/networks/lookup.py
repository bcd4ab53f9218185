"""The lookup of trained networks by trial id, experiment and cell, run id, folder or file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.ledger.trial_names import (
    check_name,
    find_trial,
    find_trials,
    refuse_experiment,
)
from orchestrator.settings import Settings
from orchestrator.spec.file import load_spec
from orchestrator.stores import open_ledger, open_tracker
from vss.errors import UserError
from vss.suggestions import require_known
from vss.trial_config import TrialConfig

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger
    from vss.inference.trained_network import TrainedNetwork

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_TRIAL_ID = re.compile(r"[0-9a-f]{12}")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class NamedNetwork:
    """A trained network and its name.

    Attributes:
        name: a name to print and to use in file names: the trial_id, or the stem of a checkpoint
            file.
        trained: its settings, and the path of its weights.
    """

    name: str
    trained: "TrainedNetwork"


def check_target(target: str, settings: Settings, is_one: bool = False) -> None:
    """Refuse a network that cannot exist, before imports that take seconds.

    Args:
        target: as for `find_network`.
        settings: the addresses of the trials and of the ledger.
        is_one: whether all seeds of a cell are too many.

    Raises:
        UserError: if there is no such file, experiment, cell or trial, or too many of them.
    """
    if Path(target).expanduser().exists() or _RUN_ID.fullmatch(target):
        return
    if ":" in target:
        _check_has_ledger(target, settings)
        check_name(target, settings.ledger_url, is_one)
    elif not _TRIAL_ID.fullmatch(target) and not _find_trial_ids(target, settings):
        if settings.has_ledger:
            refuse_experiment(target, settings.ledger_url)
        raise UserError(_explain_unknown(target, settings))


def find_network(target: str, like: str | None, settings: Settings) -> NamedNetwork:
    """Find a trained network.

    Args:
        target: a trial_id or a prefix of it, EXPERIMENT:CELL:SEED (without the seed if the cell
            has only one), an MLflow run id, or the path of a trial directory or of a checkpoint
            with vss parameter names.
        like: "SPEC:CELL", the cell that defines the network of a checkpoint file.
        settings: the addresses of the trials and of MLflow.

    Raises:
        UserError: if there is no such network, or more than one.
    """
    from vss.inference.trained_network import TrainedNetwork, read_trained_network

    path = Path(target).expanduser()
    if path.is_file():
        if like is None:
            raise UserError(
                f"checkpoint file {target} does not say which network it contains: "
                "add --like SPEC:CELL"
            )
        return NamedNetwork(path.stem, TrainedNetwork(find_cell(like), path))
    if like is not None:
        raise UserError(f"--like is for a checkpoint file, but '{target}' is not a file")
    if path.is_dir():
        trained = read_trained_network(path)
        return NamedNetwork(trained.config.trial_id, trained)
    if ":" in target:
        return _read_trial(target, find_trial(target, _open_ledger(target, settings)), settings)
    if _RUN_ID.fullmatch(target):
        return _find_run(target, settings)
    return _find_trial(target, settings)


def find_networks(
    targets: Sequence[str], like: str | None, settings: Settings
) -> list[NamedNetwork]:
    """Find several trained networks; EXPERIMENT:CELL stands for all seeds of the cell.

    Args:
        targets: as for `find_network`.
        like: as for `find_network`; it applies to the checkpoint files among the targets.
        settings: the addresses of the trials and of MLflow.

    Raises:
        UserError: if one of them cannot be found, or `like` has no file to apply to.
    """
    files = {target for target in targets if Path(target).expanduser().is_file()}
    if like is not None and not files:
        raise UserError(f"--like is for checkpoint files, but none of {', '.join(targets)} is one")
    networks = []
    for target in targets:
        if ":" in target and not Path(target).expanduser().exists():
            trials = find_trials(target, _open_ledger(target, settings))
            networks += [_read_trial(target, trial, settings) for trial in trials]
        else:
            networks.append(find_network(target, like if target in files else None, settings))
    return networks


def find_cell(like: str) -> TrialConfig:
    """Return the settings of "SPEC:CELL", or of "SPEC" if it has only one cell.

    Raises:
        UserError: if there is no such spec or cell.
    """
    ends = [index for index, character in enumerate(like) if character == ":"] + [len(like)]
    end = next((end for end in ends if Path(like[:end]).is_file()), None)
    if end is None:
        raise UserError(
            f"--like '{like}' does not begin with an existing spec file: "
            "write SPEC:CELL, for example a.yaml:fcn"
        )
    experiment, cell = load_spec(Path(like[:end])), like[end + 1 :]
    if not cell and len(experiment.cells) > 1:
        raise UserError(
            f"--like '{like}' does not name a cell: write {like}:CELL "
            f"(cells: {', '.join(experiment.cells)})"
        )
    try:
        name = require_known("cell", cell or experiment.baseline, experiment.cells)
    except ValueError as error:
        raise UserError(f"--like '{like}': {error}") from None
    return experiment.cells[name]


def _find_trial(target: str, settings: Settings) -> NamedNetwork:
    from vss.inference.trained_network import read_trained_network

    trial_ids = _find_trial_ids(target, settings)
    if len(trial_ids) > 1:
        raise UserError(
            f"'{target}' matches {len(trial_ids)} trials ({', '.join(trial_ids)}): "
            "write a longer prefix"
        )
    if trial_ids:
        return NamedNetwork(trial_ids[0], read_trained_network(_fetch(trial_ids[0], settings)))
    # If a trial was trained elsewhere, this machine may have only its MLflow run.
    run_id = open_tracker(settings).find_run_id(target) if _TRIAL_ID.fullmatch(target) else None
    if run_id is None:
        if settings.has_ledger:
            refuse_experiment(target, settings.ledger_url)
        raise UserError(_explain_unknown(target, settings))
    return _find_run(run_id, settings)


def _find_trial_ids(beginning: str, settings: Settings) -> list[str]:
    return settings.storage.find_trials(beginning) if _HEXADECIMAL.fullmatch(beginning) else []


def _explain_unknown(target: str, settings: Settings) -> str:
    return (
        f"no trial '{target}' in {settings.storage}: write a trial_id or a prefix of it, "
        "EXPERIMENT:CELL:SEED, an MLflow run id, or the path of a trial directory or of a "
        "checkpoint"
    )


def _open_ledger(target: str, settings: Settings) -> "Ledger":
    """Open the ledger that `target` is looked up in, without creating one."""
    _check_has_ledger(target, settings)
    return open_ledger(settings)


def _check_has_ledger(target: str, settings: Settings) -> None:
    if not settings.has_ledger:
        raise UserError(
            f"no trial '{target}': nothing has been submitted in {settings.home}; check VSS_HOME"
        )


def _read_trial(target: str, trial: TrialStatus, settings: Settings) -> NamedNetwork:
    """Read the network of a trial in the ledger, from its directory or else from its run."""
    from vss.inference.trained_network import read_trained_network

    if trial.state != State.FINISHED:
        raise UserError(
            f"'{target}' has not finished: cell '{trial.cell}', seed {trial.seed} is {trial.state}"
        )
    folder = _fetch(trial.trial_id, settings)
    if trial.run_id is not None and not (folder / "config.json").is_file():
        return _find_run(trial.run_id, settings)
    return NamedNetwork(trial.trial_id, read_trained_network(folder))


def _fetch(trial_id: str, settings: Settings) -> Path:
    """Return a folder with the settings and weights of a trial in the storage, if it has them."""
    into = settings.cache / "trained"
    return settings.storage.fetch(trial_id, into, "config.json", "weights.safetensors")


def _find_run(run_id: str, settings: Settings) -> NamedNetwork:
    from vss.inference.trained_network import read_trained_network

    tracker = open_tracker(settings)
    trained = read_trained_network(tracker.download_trial(run_id, settings.cache / "models"))
    return NamedNetwork(trained.config.trial_id, trained)
