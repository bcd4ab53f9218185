"""The import of trials that finished on offline machines into the ledger and MLflow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ledger.entries import ExperimentEntry, ImportedTrial, Member, State
from orchestrator.offline.finished_trial import (
    DamagedTrialError,
    FinishedTrial,
    Placement,
    read_finished_trial,
)
from orchestrator.spec.experiment import Experiment
from orchestrator.storage import Storage
from orchestrator.stores import Stores
from orchestrator.tracking.tracker import RunContent, Tracker
from vss.errors import UserError
from vss.profiling.latency_measurement import LatencyMeasurement
from vss.untrusted.messages import excerpt_name


@dataclass(frozen=True)
class ImportResult:
    """The outcome of an import.

    Attributes:
        experiments: names of the experiments whose trials were imported, now or earlier.
        skipped_directories: number of directories that were not imported.
    """

    experiments: Sequence[str]
    skipped_directories: int


def import_trials(
    directories: Sequence[Path],
    experiment: Experiment | None,
    stores: Stores,
    storage: Storage,
    say: Callable[[str], None],
) -> ImportResult:
    """Import the directories of finished trials; name and skip damaged ones.

    Args:
        directories: the trial directories.
        experiment: the experiment of directories that have no trial file.
        stores: the ledger and tracking store to import into.
        storage: the storage that trial directories are copied to.
        say: a function that prints a line; it is called once per directory.

    Raises:
        UserError: if the experiment searches settings.
    """
    placements = _placements(experiment) if experiment is not None else {}
    trials_by_experiment: dict[str, list[FinishedTrial]] = {}
    skipped_directories = 0
    for folder in directories:
        name = excerpt_name(folder.name)
        try:
            finished_trial = read_finished_trial(folder, placements)
            trials_by_experiment.setdefault(finished_trial.experiment.name, []).append(
                finished_trial
            )
            say(f"{name}: {_import(finished_trial, stores, storage)}")
        except DamagedTrialError as error:
            say(f"{name}: skipped: {error}")
            skipped_directories += 1
    for name, trials in trials_by_experiment.items():
        _update_experiment_run(name, trials, stores, say)
    return ImportResult(list(trials_by_experiment), skipped_directories)


def _placements(experiment: Experiment) -> Mapping[str, Placement]:
    if experiment.tuning is not None:
        raise UserError(
            f"--spec: '{experiment.name}' searches settings, so it does not say which ones its "
            "trials were trained with: import them with a spec that states in each cell what was "
            "found, without tune"
        )
    entry = ExperimentEntry.from_experiment(experiment)
    return {
        trial.trial_id: Placement(entry, trial.cell, position)
        for position, trial in enumerate(experiment.trials)
    }


def _import(finished_trial: FinishedTrial, stores: Stores, storage: Storage) -> str:
    """Import a trial into MLflow, the ledger and the storage; return what to print."""
    trial, entry = finished_trial.trial, finished_trial.experiment
    run_id = stores.ledger.finished_runs([trial.trial_id]).get(trial.trial_id)
    status = "imported" if run_id is None else "already in the ledger"
    if run_id is not None:
        _check_same_results(finished_trial, stores.tracker.read_runs([run_id]).get(run_id))
    storage.add_result(finished_trial.folder, trial.trial_id, finished_trial.last_attempt)
    if run_id is None:
        copy = storage.folder and storage.folder / trial.trial_id  # that nobody else changes
        run_id = _log(finished_trial, copy or finished_trial.folder, stores.tracker)
    member = Member(trial, finished_trial.result.data_fingerprint)
    imported = ImportedTrial(
        member,
        finished_trial.position,
        run_id,
        finished_trial.last_attempt,
        score=finished_trial.result.metrics["miou"],
    )
    stores.ledger.add_finished(entry, [imported])
    stores.tracker.tag(run_id, f"experiment/{entry.name}", trial.cell)
    return f"{status}: {entry.name}, {trial.cell}, seed {trial.config.seed}"


def _check_same_results(finished_trial: FinishedTrial, run: RunContent | None) -> None:
    """Refuse a trial that is already in MLflow with different results."""
    if run is None:
        return
    result = finished_trial.result
    miou, fingerprint = result.metrics["miou"], result.data_fingerprint
    logged_miou = run.metrics.get("miou", -1.0)
    logged_fingerprint = str(run.tags.get("data_fingerprint"))
    if (round(miou, 6), fingerprint) != (round(logged_miou, 6), logged_fingerprint):
        raise DamagedTrialError(
            f"already in MLflow with different results (there: mIoU {logged_miou:.6f} on data "
            f"{logged_fingerprint[:12]}; in this directory: {miou:.6f} on {fingerprint[:12]}): "
            "import the original directory, or use another VSS_HOME"
        )


def _log(finished_trial: FinishedTrial, folder: Path, tracker: Tracker) -> str:
    """Write the MLflow run of a trial, as its worker would have done; return its id."""
    trial = finished_trial.trial
    tags = {
        f"experiment/{finished_trial.experiment.name}": trial.cell,
        "seed": trial.config.seed,
        "attempt": finished_trial.last_attempt,
    }
    name = f"{trial.cell}, seed {trial.config.seed}"
    run = tracker.open_trial(name, trial.trial_id, None, tags)
    run.log(finished_trial.points)
    run.finish(finished_trial.result, folder)
    return run.run_id


def _update_experiment_run(
    name: str, trials: Sequence[FinishedTrial], stores: Stores, say: Callable[[str], None]
) -> None:
    ledger, tracker = stores.ledger, stores.tracker
    run_id = tracker.open_experiment_run(ledger.experiment(name))
    ledger.set_experiment_run(name, run_id)
    _add_latency(run_id, trials, tracker, say)
    has_finished = all(trial.state == State.FINISHED for trial in ledger.trials(name))
    tracker.close_experiment_run(run_id, has_finished)


def _add_latency(
    run_id: str, trials: Sequence[FinishedTrial], tracker: Tracker, say: Callable[[str], None]
) -> None:
    """Add the latency of cells that have none yet, if it was measured on the same device."""
    logged_latency = tracker.read_latency(run_id)
    cells, conditions = dict(logged_latency.cells), logged_latency.conditions
    ordered_trials = sorted(trials, key=lambda trial: trial.position)
    first_ids = {each.trial.cell: each.trial.trial_id for each in reversed(ordered_trials)}
    for finished_trial in ordered_trials:
        cell, measurement = finished_trial.trial.cell, finished_trial.latency
        if cell in cells or measurement is None:
            continue
        conditions = conditions or measurement.conditions
        if measurement.conditions["device"] != conditions["device"]:
            say(
                f"{finished_trial.folder.name}: latency not imported: it was measured on "
                f"{measurement.conditions['device']}, that of the other cells on "
                f"{conditions['device']}"
            )
            continue
        # A submit recognises the cell's network by the cell's first trial.
        cells[cell] = measurement.cells[cell].model_copy(update={"trial_id": first_ids[cell]})
    if cells and cells != logged_latency.cells:
        tracker.log_latency(run_id, LatencyMeasurement(conditions=conditions, cells=cells))
