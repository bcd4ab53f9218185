"""What MLflow shows of an experiment: means per cell, and where each trial stands within it."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.results.source_cells import name_sources
from orchestrator.tracking.study_run import StudyNumbers
from orchestrator.tracking.study_view import DIFFERENCE, LATENCY, study_metric
from reports.records import ExperimentRecord, RunRecord
from vss.options import list_varying_settings

if TYPE_CHECKING:
    from orchestrator.tracking.tracker import Tracker


def share_view(name: str, trials: Sequence[TrialStatus], tracker: "Tracker") -> bool:
    """Keep views of an experiment for MLflow's UI; return whether there is one of pictures."""
    varying = list_varying_settings([trial.settings for trial in name_sources(trials)])
    run_ids = (trial.run_id for trial in trials if trial.state == State.FINISHED)
    present = (run_id for run_id in run_ids if run_id and tracker.has_run(run_id))
    return tracker.share_view(name, varying, next(present, None))


def build_study_numbers(record: ExperimentRecord, page: str) -> StudyNumbers:
    """Return the numbers of an experiment.

    Args:
        record: the experiment.
        page: the address of its report in the UI, without the host.
    """
    numbers = {run.run_id: _numbers(run, record) for run in record.finished if run.run_id}
    cells: dict[str, float] = {}
    for cell in record.cells:
        runs = [numbers[run.run_id] for run in record.finished if run.cell == cell and run.run_id]
        for metric in dict.fromkeys(name for run in runs for name in run):
            values = [run[metric] for run in runs if metric in run]
            cells[f"{metric}/{cell}"] = round(fmean(values), 6)
    own = (DIFFERENCE, LATENCY)
    trials = {
        run_id: {study_metric(name, record.name): values[name] for name in own if name in values}
        for run_id, values in numbers.items()
    }
    return StudyNumbers(cells, trials, _describe(record, cells, page))


def _numbers(run: RunRecord, record: ExperimentRecord) -> dict[str, float]:
    """Return a trial's mIoU, its difference to the baseline with the same seed, and its times."""
    latency = record.costs[run.cell].clip if run.cell in record.costs else None
    baseline = [
        other.metrics["miou"]
        for other in record.finished
        if other.cell == record.baseline and other.seed == run.seed
    ]
    numbers = {
        "miou": run.metrics.get("miou"),
        DIFFERENCE: 100 * (run.metrics["miou"] - baseline[0]) if baseline else None,
        "train_seconds": run.train_seconds,
        LATENCY: latency.median_ms if latency else None,
    }
    return {name: round(value, 4) for name, value in numbers.items() if value is not None}


def _describe(record: ExperimentRecord, cells: Mapping[str, float], page: str) -> str:
    """Return the experiment's description, its report and the means of its cells as Markdown."""
    rows = [
        f"| {cell.replace('|', '/')} | {100 * cells[f'miou/{cell}']:.2f} | "
        f"{_show(cells.get(f'{DIFFERENCE}/{cell}'), '+.2f')} | "
        f"{_show(cells.get(f'{LATENCY}/{cell}'), '.1f')} |"
        for cell in record.cells
        if f"miou/{cell}" in cells
    ]
    header = ["| cell | mIoU % | points | latency ms |", "|---|---|---|---|"]
    report = f"[Report]({page})"
    return "\n".join([record.description, "", report, "", *(header + rows if rows else [])])


def _show(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
