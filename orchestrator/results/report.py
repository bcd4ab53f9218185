"""From ledger and MLflow to a report on disk."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from orchestrator.ledger.ledger import ExperimentStatus, Ledger, State, TrialStatus
from orchestrator.results.anonymisation import publishable, repeating
from orchestrator.settings import Settings, command, make_folder
from orchestrator.spec.file import published_figures
from orchestrator.tracking import artifacts
from orchestrator.tracking.artifacts import Fields
from orchestrator.tracking.tracker import (
    NUMBERS,
    Measured,
    Tracker,
    metric_name,
    uncollected,
)
from reports.analysis import overview as tables
from reports.analysis.study import Study
from reports.records import ExperimentRecord, RunRecord
from reports.report import build_report
from reports.text.page import MAX_PICTURED_CELLS
from vss.errors import UserError
from vss.options import implied_options

_ENVIRONMENT = (
    "device", "device_type", "threads", "python", "system", "torch", "torchvision", "numpy",
    "vss-orch", "git_commit", "git_dirty", "trials_on_device",
)  # fmt: skip


def build(
    name: str, settings: Settings, out: Path, pictures: bool, sort: str | None = None
) -> tuple[ExperimentRecord, Path]:
    """Build the report of an experiment and attach it to its parent run in MLflow.

    Args:
        name: of the experiment.
        settings: where ledger and tracking store are.
        out: the folder to write into.
        pictures: show frames of the dataset.
        sort: what the main table is sorted by; None: the order of the spec.

    Returns:
        what the report is of, and the path of report.md.

    Raises:
        UserError: if there is no such experiment, or no such folder can be made.
    """
    ledger = Ledger(settings.ledger_url)
    experiment = ledger.experiment(name)
    tracker = Tracker(settings.tracking_uri, settings.artifacts)
    trials = ledger.trials(name)
    with uncollected():
        record = publishable(records(experiment, trials, tracker, pictures), settings)
        path = build_report(record, make_folder(out), pictures, sort)
    if experiment.run_id is not None:
        tracker.log_report(experiment.run_id, out)
    return record, path


def records(
    experiment: ExperimentStatus,
    trials: Sequence[TrialStatus],
    tracker: Tracker,
    pictures: bool = False,
) -> ExperimentRecord:
    """Join what was asked (ledger) with what was measured (MLflow), by run id.

    Args:
        experiment: what was asked.
        trials: of it.
        tracker: where the runs are.
        pictures: read sampled frames too, of one seed of each cell that is pictured.
    """
    measured = tracker.measured([trial.run_id for trial in trials if trial.run_id])
    latency = tracker.latency(experiment.run_id)
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda t: _record(t, measured.get(t.run_id or ""), tracker), trials))
    record = ExperimentRecord(
        name=experiment.name,
        description=experiment.description,
        baseline=experiment.baseline,
        cells=list(dict.fromkeys(trial.cell for trial in trials)),
        runs=runs,
        costs={cell: artifacts.cost(found) for cell, found in latency.get("cells", {}).items()},
        latency_conditions=latency.get("conditions", {}),
        source=experiment.source,
        command=repeating(trials, experiment.source),
        published=_published(experiment.source),
    )
    return _with_samples(record, measured, tracker) if pictures else record


def _published(source: str) -> dict[str, dict[str, float]]:
    try:
        return published_figures(source)
    except UserError:
        return {}  # not from a file (an evaluation), or written for another version


def print_report(name: str, settings: Settings, pictures: bool, console: Console) -> None:
    """Build the report of an experiment; print its table, its path and the way to the UI."""
    record, path = build(name, settings, settings.report_folder(name), pictures)
    console.print(result_table(record))
    console.print(f"report:    {path}", soft_wrap=True, highlight=False)
    console.print(f"MLflow UI: {command('vss-orch')} ui {name}", soft_wrap=True, highlight=False)


def result_table(record: ExperimentRecord) -> Table:
    """The report's main table, for the terminal."""
    title = f"{record.name}: mIoU on {_split(record)}"
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("cell", overflow="fold", min_width=12)
    headings = ("mIoU %", "points", "verdict", "training\ntime", "latency\nms")
    for heading in headings:
        shown.add_column(heading, justify="right", no_wrap=True)
    for _, row in tables.overview(Study(record)).iterrows():
        shown.add_row(
            row["cell"],
            tables.spread(row["mean"], row["std"], row["n"]),
            tables.signed(100 * row["delta"]),
            row["verdict"],
            tables.duration(row["train_seconds"]),
            tables.number(row["clip_median"], 2),
        )
    return shown


def _split(record: ExperimentRecord) -> str:
    return ", ".join(sorted({run.scored_split or "?" for run in record.finished})) or "no split"


def _with_samples(
    record: ExperimentRecord, measured: Mapping[str, Measured], tracker: Tracker
) -> ExperimentRecord:
    """Sampled frames of the first cells, of the lowest seed that each shares with the baseline."""
    seeds: dict[str, dict[int, str]] = {cell: {} for cell in record.cells}
    for run in record.finished:
        seeds[run.cell][run.seed] = run.trial_id
    base = seeds.pop(record.baseline)
    wanted = set()
    for of_cell in list(seeds.values())[:MAX_PICTURED_CELLS]:
        if shared := of_cell.keys() & base.keys():
            wanted |= {of_cell[min(shared)], base[min(shared)]}
    runs, colours = [], dict(record.colours)
    for run in record.runs:
        if run.run_id and run.trial_id in wanted:
            files = _Files(tracker, run.run_id, measured[run.run_id])
            found, of_classes = files.read("samples.npz", artifacts.samples)
            colours |= dict(zip(run.classes, of_classes, strict=False))
            run = replace(run, samples=found, message=files.damaged(run.message))
        runs.append(run)
    return replace(record, runs=runs, colours=colours)


def _record(trial: TrialStatus, found: Measured | None, tracker: Tracker) -> RunRecord:
    record = RunRecord(
        cell=trial.cell,
        seed=trial.seed,
        trial_id=trial.trial_id,
        state=trial.state.value,
        settings=trial.settings,
        implied=implied_options(trial.settings),
        message=trial.message,
        run_id=trial.run_id,
        attempts=trial.attempts,
    )
    if trial.state != State.FINISHED:
        return record
    if found is None:
        return replace(record, state="DELETED", message="its MLflow run was deleted")
    metrics, tags = dict(found.metrics), found.tags
    files = _Files(tracker, trial.run_id or "", found)
    counted = files.read("frames.npz", artifacts.counts)
    numbers = {name: metrics.pop(name, None) for name in NUMBERS}
    return replace(
        record,
        metrics={name: value for name, value in metrics.items() if "/" not in name},
        iou=_iou(metrics, counted.get("classes")),
        scored_split=tags.get("scored_split"),
        data_fingerprint=tags.get("data_fingerprint"),
        environment={name: tags[name] for name in _ENVIRONMENT if name in tags},
        train_seconds=numbers["train_seconds"],
        step_ms_median=numbers["step_ms_median"],
        parameters=_whole(numbers["parameters"]),
        peak_memory_mib=numbers["peak_memory_mib"],
        scored_frames=_whole(numbers["scored_frames"]),
        scored_step=_whole(numbers["scored_step"]),
        curves=files.read("curves.csv", artifacts.curves),
        message=files.damaged(),
        **counted,
    )


class _Files:
    """The files of one run; it remembers which are damaged."""

    def __init__(self, tracker: Tracker, run_id: str, found: Measured) -> None:
        self._tracker, self._run_id, self._found = tracker, run_id, found
        self._damaged: list[str] = []

    def read(self, name: str, read: Callable[[bytes | None], Fields]) -> Fields:
        """The fields of a file; those of none if it is missing or damaged."""
        content = self._tracker.file(self._run_id, self._found, name)
        fields, fault = artifacts.whole(content, read)
        if fault is not None:
            self._damaged.append(f"{name} is damaged ({fault})")
        return fields

    def damaged(self, before: str | None = None) -> str | None:
        """Which files are, after what was known before; None if all are whole."""
        return "; ".join([*filter(None, [before]), *self._damaged]) or None


def _iou(metrics: Mapping[str, float], classes: Sequence[str] | None) -> dict[str, float]:
    """Class -> IoU; MLflow's names of metrics may differ from the classes' in odd characters."""
    if classes is None:
        return {name[4:]: value for name, value in metrics.items() if name.startswith("iou/")}
    named = {name: metrics.get(f"iou/{metric_name(name)}") for name in classes}
    return {name: value for name, value in named.items() if value is not None}


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
