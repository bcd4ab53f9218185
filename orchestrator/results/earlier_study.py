"""The earlier study whose variances a plan uses."""

from collections.abc import Iterator
from pathlib import Path

import orchestrator
from orchestrator.results.records import read_record
from orchestrator.results.report_folder import load_report_folder
from orchestrator.results.source_cells import leave_out_sources
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import open_ledger, open_tracker
from reports.formats.files import RESULTS
from reports.records import ExperimentRecord
from vss.errors import UserError


def find_earlier_study(
    experiment: Experiment, like: str | None, folder: Path, settings: Settings
) -> ExperimentRecord:
    """Read an earlier study that resembles the planned one.

    Args:
        experiment: the planned study.
        like: an experiment in the ledger, or the folder of a report; None for the committed
            results on the same dataset with the most trials.
        folder: the folder of the spec; its subfolder `results` may contain committed results.
        settings: the addresses of the ledger and MLflow.

    Raises:
        UserError: if there is no such study.
    """
    if like is None:
        return _read_committed(experiment, folder)
    return _read_named(like, folder, settings)


def _read_named(like: str, folder: Path, settings: Settings) -> ExperimentRecord:
    """Read a study from the folder of its report, the ledger, or committed results."""
    if Path(like).is_dir():
        return load_report_folder(Path(like))
    if settings.has_ledger:
        ledger = open_ledger(settings)
        if like in [status.name for status in ledger.experiments()]:
            trials = ledger.trials(like)
            record = read_record(ledger.experiment(like), trials, open_tracker(settings))
            return leave_out_sources(record, trials)
    committed_folders = {path.name: path for path in _committed_folders(folder)}
    if like in committed_folders:
        return load_report_folder(committed_folders[like])
    names = ", ".join(committed_folders) or "none"
    raise UserError(
        f"--like {like} is neither an experiment in the ledger nor the folder of a report "
        f"(committed results: {names})"
    )


def _read_committed(experiment: Experiment, folder: Path) -> ExperimentRecord:
    """Read the committed results with the most trials on the dataset of an experiment."""
    datasets = {config.dataset for config in experiment.cells.values()}
    records = [load_report_folder(path) for path in _committed_folders(folder)]
    similar_records = [
        record
        for record in records
        if datasets & {str(run.settings.get("dataset")) for run in record.finished}
    ]
    if not similar_records:
        raise UserError(
            f"--power needs an earlier study, but there are no committed results on "
            f"{', '.join(sorted(datasets))}: name a study, or the folder of its report, with --like"
        )
    return max(similar_records, key=lambda record: len(record.finished))


def _committed_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders of committed results, next to the spec and in the repository."""
    home = Path(next(iter(orchestrator.__path__))).parent / "experiments"
    for parent in dict.fromkeys((folder.resolve() / "results", home / "results")):
        yield from sorted(path.parent for path in parent.glob(f"*/{RESULTS}"))
