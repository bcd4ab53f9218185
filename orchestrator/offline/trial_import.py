"""Import trials that finished on machines without a network into the ledger and MLflow."""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ledger.entries import ExperimentEntry, ImportedTrial, Member, State
from orchestrator.offline.finished_trial import (
    DamagedTrialError,
    FinishedTrial,
    Placement,
    read_finished_trial,
)
from orchestrator.settings import make_folder
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores
from orchestrator.tracking.tracker import RunContent, Tracker
from vss.errors import UserError
from vss.profiling.latency_measurement import LatencyMeasurement


@dataclass(frozen=True)
class Collected:
    """The outcome of an import.

    Attributes:
        experiments: names of the experiments that gained trials or were checked again.
        skipped: number of directories that were not imported.
    """

    experiments: Sequence[str]
    skipped: int


def collect(
    folders: Sequence[Path],
    spec: Path | None,
    stores: Stores,
    storage: Path,
    say: Callable[[str], None],
) -> Collected:
    """Import finished trial directories; damaged ones are named and skipped.

    Args:
        folders: trial directories, or folders that hold them.
        spec: the spec of directories that hold no trial file.
        stores: the ledger and tracking store to import into.
        storage: the folder that trial directories are copied to.
        say: prints a line, one for each directory.

    Raises:
        UserError: if there is no trial directory at all.
    """
    placements = _placements(spec) if spec is not None else {}
    imported: dict[str, list[FinishedTrial]] = {}
    skipped = 0
    for folder in _trial_directories(folders):
        try:
            finished = read_finished_trial(folder, placements)
            imported.setdefault(finished.experiment.name, []).append(finished)
            say(f"{folder.name}: {_import(finished, stores, storage)}")
        except DamagedTrialError as error:
            say(f"{folder.name}: skipped: {error}")
            skipped += 1
    for name, trials in imported.items():
        _update_experiment_run(name, trials, stores, say)
    return Collected(list(imported), skipped)


def _placements(spec: Path) -> Mapping[str, Placement]:
    experiment = load_spec(spec)
    entry = ExperimentEntry.from_experiment(experiment)
    return {
        trial.trial_id: Placement(entry, trial.cell, position)
        for position, trial in enumerate(experiment.trials)
    }


def _trial_directories(folders: Sequence[Path]) -> Iterator[Path]:
    directories = [
        path
        for folder in folders
        for path in ([folder] if (folder / "config.json").exists() else sorted(folder.glob("*/")))
        if (path / "config.json").exists() or (path / "result.json").exists()
    ]
    if not directories:
        names = ", ".join(map(str, folders))
        raise UserError(
            f"no trial directory in {names}; a trial directory holds config.json and result.json"
        )
    yield from directories


def _import(finished: FinishedTrial, stores: Stores, storage: Path) -> str:
    """Import a trial into MLflow, the ledger and the storage; return what to print."""
    trial, entry = finished.trial, finished.experiment
    run_id = stores.ledger.finished_run(trial.trial_id)
    news = "imported" if run_id is None else "already in the ledger"
    if run_id is not None:
        _check_agrees(finished, stores.tracker.read_runs([run_id]).get(run_id))
    _copy(finished.folder, make_folder(storage) / trial.trial_id)
    if run_id is None:
        run_id = _log(finished, stores.tracker)
    member = Member(trial, finished.result.data_fingerprint)
    imported = ImportedTrial(member, finished.position, run_id, finished.attempt)
    stores.ledger.add_finished(entry, [imported])
    stores.tracker.tag(run_id, f"experiment/{entry.name}", trial.cell)
    return f"{news}: {entry.name}, {trial.cell}, seed {trial.config.seed}"


def _check_agrees(finished: FinishedTrial, run: RunContent | None) -> None:
    """Refuse a trial that has been imported before with different results."""
    if run is None:
        return
    result = finished.result
    numbers = (round(result.metrics["miou"], 6), result.data_fingerprint)
    recorded = (round(run.metrics.get("miou", -1.0), 6), run.tags.get("data_fingerprint"))
    if numbers != recorded:
        raise DamagedTrialError(
            f"the trial has mIoU {numbers[0]} on data {numbers[1][:12]}, but MLflow holds "
            f"{recorded[0]} on data {str(recorded[1])[:12]} for it"
        )


def _copy(folder: Path, target: Path) -> None:
    if not target.exists():
        unfinished = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}")
        shutil.copytree(folder, unfinished)
        unfinished.rename(target)


def _log(finished: FinishedTrial, tracker: Tracker) -> str:
    """Write the MLflow run of a trial, as its worker would have; return its id."""
    trial = finished.trial
    tags = {
        f"experiment/{finished.experiment.name}": trial.cell,
        "seed": trial.config.seed,
        "attempt": finished.attempt,
    }
    name = f"{trial.cell}, seed {trial.config.seed}"
    run = tracker.open_trial(name, trial.trial_id, None, tags)
    for progress in finished.curves:
        run.log(progress)
    run.finish(finished.result, finished.folder)
    return run.run_id


def _update_experiment_run(
    name: str, trials: Sequence[FinishedTrial], stores: Stores, say: Callable[[str], None]
) -> None:
    ledger, tracker = stores.ledger, stores.tracker
    run_id = tracker.open_experiment_run(ledger.experiment(name))
    ledger.set_experiment_run(name, run_id)
    _add_latency(run_id, trials, tracker, say)
    finished = all(trial.state == State.FINISHED for trial in ledger.trials(name))
    tracker.close_experiment_run(run_id, finished)


def _add_latency(
    run_id: str, trials: Sequence[FinishedTrial], tracker: Tracker, say: Callable[[str], None]
) -> None:
    """Add the latency of cells that have none yet, if it was measured on the same device."""
    recorded = tracker.read_latency(run_id)
    cells, conditions = dict(recorded.cells), recorded.conditions
    ordered = sorted(trials, key=lambda finished: finished.position)
    first_ids = {finished.trial.cell: finished.trial.trial_id for finished in reversed(ordered)}
    for finished in ordered:
        cell, path = finished.trial.cell, finished.folder / "latency.json"
        if cell in cells or not path.exists():
            continue
        measured = LatencyMeasurement.model_validate_json(path.read_text())
        conditions = conditions or measured.conditions
        if measured.conditions["device"] != conditions["device"]:
            say(
                f"{finished.folder.name}: skipped its latency, measured on "
                f"{measured.conditions['device']}: other cells were measured on "
                f"{conditions['device']}"
            )
            continue
        # A submit recognises the cell's network by the cell's first trial.
        cells[cell] = measured.cells[cell].model_copy(update={"trial_id": first_ids[cell]})
    if cells and cells != recorded.cells:
        tracker.log_latency(run_id, LatencyMeasurement(conditions=conditions, cells=cells))
