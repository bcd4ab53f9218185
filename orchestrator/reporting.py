"""From ledger and MLflow to a report on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.ledger import ExperimentStatus, Ledger, State, TrialStatus
from orchestrator.settings import Settings, make_folder
from orchestrator.tracking import NUMBERS, Measured, Tracker
from reports import tables
from reports.records import ExperimentRecord, RunRecord
from reports.report import build_report

_ENVIRONMENT = (
    "device", "device_type", "threads", "python", "system", "torch", "torchvision", "numpy",
    "vss-orch", "git_commit", "git_dirty",
)  # fmt: skip


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
        UserError: if there is no such experiment, or no such folder can be made.
    """
    ledger = Ledger(settings.ledger_url)
    experiment = ledger.experiment(name)
    tracker = Tracker(settings.tracking_uri, settings.artifacts)
    record = records(experiment, ledger.trials(name), tracker)
    if pictures:
        record = _with_pictures(record, tracker)
    path = build_report(record, make_folder(out), pictures)
    if experiment.run_id is not None:
        tracker.log_report(experiment.run_id, out)
    return record, path


def records(
    experiment: ExperimentStatus, trials: Sequence[TrialStatus], tracker: Tracker
) -> ExperimentRecord:
    """Join what was asked (ledger) with what was measured (MLflow), by run id."""
    measured = tracker.measured([trial.run_id for trial in trials if trial.run_id])
    latency = tracker.latency(experiment.run_id)
    cells = latency.get("cells", {})
    return ExperimentRecord(
        name=experiment.name,
        description=experiment.description,
        baseline=experiment.baseline,
        cells=list(dict.fromkeys(trial.cell for trial in trials)),
        runs=[
            _record(trial, measured.get(trial.run_id or ""), cells.get(trial.cell, {}))
            for trial in trials
        ],
        latency_conditions=latency.get("conditions", {}),
        source=experiment.source,
    )


def result_table(record: ExperimentRecord) -> Table:
    """The report's main table, for the terminal."""
    title = f"{record.name}: mIoU on {_split(record)}"
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("cell", overflow="fold", min_width=12)
    for heading in ("mIoU %", "points", "training\ntime", "latency\nms", "parameters\nM"):
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


def _record(trial: TrialStatus, found: Measured | None, latency: Mapping[str, Any]) -> RunRecord:
    record = RunRecord(
        cell=trial.cell,
        seed=trial.seed,
        trial_id=trial.trial_id,
        state=trial.state.value,
        settings=trial.settings,
        message=trial.message,
        run_id=trial.run_id,
        attempts=trial.attempts,
    )
    if trial.state != State.FINISHED:
        return record
    if found is None:
        return replace(record, state="DELETED", message="its MLflow run was deleted")
    metrics, tags = dict(found.metrics), found.tags
    numbers = {name: metrics.pop(name, None) for name in NUMBERS}
    return replace(
        record,
        metrics={name: value for name, value in metrics.items() if "/" not in name},
        iou={name[4:]: value for name, value in metrics.items() if name.startswith("iou/")},
        scored_split=tags.get("scored_split"),
        data_fingerprint=tags.get("data_fingerprint"),
        environment={name: tags[name] for name in _ENVIRONMENT if name in tags},
        latency_ms_median=latency.get("latency_ms_median"),
        latency_ms_p95=latency.get("latency_ms_p95"),
        train_seconds=numbers["train_seconds"],
        step_ms_median=numbers["step_ms_median"],
        parameters=_whole(numbers["parameters"]),
        peak_memory_mib=numbers["peak_memory_mib"],
        scored_frames=_whole(numbers["scored_frames"]),
        scored_step=_whole(numbers["scored_step"]),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
