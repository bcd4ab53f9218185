"""Find a trained network by what a user knows of it: a trial, a run, a folder or a file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.settings import Settings
from orchestrator.spec.file import load_spec
from vss.errors import UserError
from vss.suggestions import require_known
from vss.trial_config import TrialConfig

if TYPE_CHECKING:
    from vss.inference.trained_network import TrainedNetwork

_RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Found:
    """A trained network.

    Attributes:
        name: for people and file names: the trial_id, or the stem of the file.
        trained: its settings and where its weights are.
    """

    name: str
    trained: "TrainedNetwork"


def find(target: str, like: str | None, settings: Settings) -> Found:
    """Find a trained network.

    Args:
        target: a trial_id or the beginning of one, an MLflow run id, the path of a trial
            directory, or of a checkpoint under our names.
        like: "SPEC:CELL", the cell whose network a checkpoint file holds.
        settings: where trials and runs are.

    Raises:
        UserError: if there is no such network, or more than one.
    """
    from vss.inference.trained_network import TrainedNetwork, read_trained_network

    path = Path(target).expanduser()
    if path.is_file():
        if like is None:
            raise UserError(
                f"{target} holds weights alone: say by --like SPEC:CELL which network they are of"
            )
        return Found(path.stem, TrainedNetwork(cell_of(like), path))
    if like is not None:
        raise UserError(f"--like is for a checkpoint file, and '{target}' is none")
    if path.is_dir():
        trained = read_trained_network(path)
        return Found(trained.config.trial_id, trained)
    if _RUN_ID.fullmatch(target):
        return _of_run(target, settings)
    return _of_trial(target, settings)


def find_all(targets: Sequence[str], like: str | None, settings: Settings) -> list[Found]:
    """Find several; `like` is that of the files among them.

    Raises:
        UserError: as `find` does.
    """
    files = {target for target in targets if Path(target).expanduser().is_file()}
    if like is not None and not files:
        raise UserError(
            f"--like is for checkpoint files, and there is none in {', '.join(targets)}"
        )
    return [find(target, like if target in files else None, settings) for target in targets]


def cell_of(like: str) -> TrialConfig:
    """The settings of "SPEC:CELL", or of "SPEC" if it has a single cell.

    Raises:
        UserError: if there is no such spec or cell.
    """
    ends = [place for place, letter in enumerate(like) if letter == ":"] + [len(like)]
    end = next((end for end in ends if Path(like[:end]).is_file()), None)
    if end is None:
        raise UserError(f"--like '{like}': no such spec; write SPEC:CELL, for example a.yaml:fcn")
    experiment, cell = load_spec(Path(like[:end])), like[end + 1 :]
    if not cell and len(experiment.cells) > 1:
        raise UserError(
            f"--like '{like}': name a cell, {like}:CELL; cells: {', '.join(experiment.cells)}"
        )
    try:
        name = require_known("cell", cell or experiment.baseline, experiment.cells)
    except ValueError as error:
        raise UserError(f"--like '{like}': {error}") from None
    return experiment.cells[name]


def _of_trial(target: str, settings: Settings) -> Found:
    from vss.inference.trained_network import read_trained_network

    folders = settings.storage.glob(f"{target}*") if re.fullmatch("[0-9a-f]+", target) else ()
    fitting = sorted(folder.name for folder in folders if (folder / "config.json").is_file())
    if len(fitting) > 1:
        raise UserError(f"'{target}' may be any of the trials {', '.join(fitting)}: say more of it")
    if fitting:
        return Found(fitting[0], read_trained_network(settings.storage / fitting[0]))
    run_id = _run_of(target, settings) if re.fullmatch("[0-9a-f]{12}", target) else None
    if run_id is None:
        raise UserError(
            f"no trial '{target}' in {settings.storage}; give a trial_id (or its beginning), an "
            "MLflow run id, or the path of a trial directory or of a checkpoint"
        )
    return _of_run(run_id, settings)


def _run_of(trial_id: str, settings: Settings) -> str | None:
    """The trial may have been trained elsewhere, and only its run be seen from here."""
    from orchestrator.tracking.tracker import Tracker

    return Tracker(settings.tracking_uri, settings.artifacts).run_of(trial_id)


def _of_run(run_id: str, settings: Settings) -> Found:
    from orchestrator.tracking.tracker import Tracker
    from vss.inference.trained_network import read_trained_network

    tracker = Tracker(settings.tracking_uri, settings.artifacts)
    trained = read_trained_network(tracker.download_trial(run_id, settings.cache / "models"))
    return Found(trained.config.trial_id, trained)
