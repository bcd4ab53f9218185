"""From ledger and MLflow to a report on disk."""

from dataclasses import replace
from pathlib import Path

from rich.table import Table

from orchestrator.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.tracking import Tracker
from reports import tables
from reports.records import ExperimentRecord
from reports.report import build_report


def build(
    name: str, settings: Settings, out: Path, pictures: bool
) -> tuple[ExperimentRecord, Path]:
    """Build the report of an experiment and attach it to its parent run in MLflow.

    Args:
        name: of the experiment.
        settings: where ledger and tracking store are.
        out: the folder to write into.
        pictures: show frames of the dataset.

    Returns:
        what the report is of, and the path of report.md.

    Raises:
        UserError: if there is no such experiment.
    """
    ledger = Ledger(settings.ledger_url)
    experiment = ledger.experiment(name)
    tracker = Tracker(settings.tracking_uri, settings.artifacts)
    record = tracker.records(experiment, ledger.trials(name))
    if pictures:
        record = _with_pictures(record, tracker)
    path = build_report(record, out)
    if experiment.run_id is not None:
        tracker.log_report(experiment.run_id, out)
    return record, path


def result_table(record: ExperimentRecord) -> Table:
    """The report's main table, for the terminal."""
    shown = Table(title=f"{record.name}: mIoU on {_split(record)}", title_justify="left")
    shown.add_column("cell")
    for heading in ("mIoU %", "points", "training time", "latency ms", "parameters M"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for _, row in tables.accuracy_latency(record).iterrows():
        shown.add_row(
            row["cell"],
            tables.spread(row["mean"], row["std"], row["n"]),
            tables.signed(100 * row["delta"]),
            tables.duration(row["train_seconds"]),
            tables.number(row["latency_ms_median"], 2),
            tables.number(row["parameters"] / 1e6, 2),
        )
    return shown


def _split(record: ExperimentRecord) -> str:
    return ", ".join(sorted({run.scored_split or "?" for run in record.finished})) or "no split"


def _with_pictures(record: ExperimentRecord, tracker: Tracker) -> ExperimentRecord:
    """Pictures of the first finished seed of each cell."""
    first = {run.cell: run.trial_id for run in reversed(record.finished)}
    runs = [
        replace(run, pictures=tracker.pictures(run.run_id))
        if run.run_id and first.get(run.cell) == run.trial_id
        else run
        for run in record.runs
    ]
    return replace(record, runs=runs)
