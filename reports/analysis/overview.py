"""The numbers in the report's tables: one row per cell, one row per trial, one IoU per class.

All values are plain: fractions, seconds, milliseconds, MiB. NaN means not measured.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.analysis.statistics import (
    Summary,
    median_interval,
    median_ratio,
    relative_change,
    spread_interval,
    summarise,
)
from reports.analysis.study import Study
from reports.analysis.verdict_rows import VerdictRow, build_verdict_rows
from reports.records import CellCost, ExperimentRecord, Latency, RunRecord

NAN = math.nan


@dataclass(frozen=True)
class LatencyRow:
    """The latency of a cell in one form, clip or streaming, with 95 % intervals.

    Attributes:
        p95_ms: the 95th percentile; NaN if there were too few runs for one.
        p95_low_ms, p95_high_ms: the ends of its interval.
        low_ms, high_ms: the ends of the median's interval.
        ratio: the ratio to the baseline's latency in the same rounds.
        ratio_low, ratio_high: the ends of the ratio's interval.
        noise: for the baseline only, the ratio of its second measurement to its first.
        noise_low, noise_high: the ends of that ratio's interval.
    """

    median_ms: float = NAN
    p95_ms: float = NAN
    low_ms: float = NAN
    high_ms: float = NAN
    ratio: float = NAN
    ratio_low: float = NAN
    ratio_high: float = NAN
    p95_low_ms: float = NAN
    p95_high_ms: float = NAN
    noise: float = NAN
    noise_low: float = NAN
    noise_high: float = NAN


@dataclass(frozen=True)
class CellRow:
    """One row of the main table.

    Attributes:
        verdict_row: the difference from the baseline, its interval and verdict.
        score: the compared metric over seeds; not adjusted for those that the cell lacks.
        relative_difference: the difference as a fraction of the baseline's adjusted score.
        train_seconds: the mean training time over seeds.
        relative_train_seconds: the extra training time as a fraction of the baseline's.
        gflops, memory_mib: the cost of one prediction.
        peak_memory_mib: the largest peak memory of a training run.
        published_miou, published_seconds: results that others published under a different protocol.
    """

    verdict_row: VerdictRow
    is_baseline: bool
    score: Summary
    relative_difference: float
    train_seconds: float
    relative_train_seconds: float
    clip: LatencyRow
    streaming: LatencyRow
    parameters: float
    gflops: float
    memory_mib: float
    peak_memory_mib: float
    published_miou: float
    published_seconds: float

    @property
    def cell(self) -> str:
        """The name of the cell."""
        return self.verdict_row.cell

    @property
    def difference(self) -> float:
        """The adjusted score minus the baseline's; NaN if no seeds link the two."""
        return self.verdict_row.mean

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the difference, which holds for all judged cells at once."""
        return self.verdict_row.low, self.verdict_row.high


def build_overview(study: Study) -> list[CellRow]:
    """Build the main table: one row per cell, in the order of the spec."""
    record = study.record
    runs = group_by_cell(record)
    scores = {cell: _score(runs[cell], study.metric) for cell in record.cells}
    seconds = {cell: _train_seconds(runs[cell]) for cell in record.cells}
    base = study.scored.means.get(record.baseline, NAN)
    return [
        CellRow(
            verdict_row=verdict_row,
            is_baseline=cell == record.baseline,
            score=scores[cell],
            relative_difference=verdict_row.mean / base if base else NAN,
            train_seconds=seconds[cell],
            relative_train_seconds=relative_change(seconds[cell], seconds[record.baseline]),
            parameters=_first(run.parameters for run in runs[cell]),
            peak_memory_mib=max(
                (run.peak_memory_mib for run in runs[cell] if run.peak_memory_mib is not None),
                default=NAN,
            ),
            published_miou=record.published.get(cell, {}).get("miou", NAN),
            published_seconds=record.published.get(cell, {}).get("train_seconds", NAN),
            **_cost_fields(record.costs.get(cell, CellCost())),
        )
        for cell, verdict_row in zip(record.cells, build_verdict_rows(study), strict=True)
    ]


def build_trial_table(record: ExperimentRecord) -> pd.DataFrame:
    """Build the content of results.csv: one row per trial, with all that is known about it."""
    return pd.DataFrame(
        [
            _trial_row(record.name, run, record.costs.get(run.cell, CellCost()))
            for run in record.runs
        ]
    )


def average_class_iou(record: ExperimentRecord) -> dict[str, dict[str, float]]:
    """Average the IoU of every class over the seeds of each cell: cell -> class -> IoU."""
    classes = list(dict.fromkeys(name for run in record.finished for name in run.iou))
    return {
        cell: {name: summarise(run.iou.get(name) for run in runs).mean for name in classes}
        for cell, runs in group_by_cell(record).items()
    }


def group_by_cell(record: ExperimentRecord) -> dict[str, list[RunRecord]]:
    """Group the finished trials by cell; a cell without finished trials has an empty list."""
    groups: dict[str, list[RunRecord]] = {cell: [] for cell in record.cells}
    for run in record.finished:
        groups[run.cell].append(run)
    return groups


def _score(runs: Sequence[RunRecord], metric: str) -> Summary:
    return summarise(run.metrics.get(metric) for run in runs)


def _train_seconds(runs: Sequence[RunRecord]) -> float:
    return summarise(run.train_seconds for run in runs).mean


def _cost_fields(cost: CellCost) -> dict[str, Any]:
    return {
        "clip": _latency_row(cost.clip),
        "streaming": _latency_row(cost.streaming),
        "gflops": _first([cost.gflops]),
        "memory_mib": _first([cost.memory_mib]),
    }


def _latency_row(latency: Latency | None) -> LatencyRow:
    if latency is None:
        return LatencyRow()
    _, low, high = median_interval(latency.rounds_ms)
    ratio, ratio_low, ratio_high = median_ratio(latency.rounds_ms, latency.baseline_rounds_ms)
    p95 = _first([latency.p95_ms])
    noise = median_ratio(latency.repeated_rounds_ms, latency.rounds_ms)
    return LatencyRow(
        latency.median_ms,
        p95,
        low,
        high,
        ratio,
        ratio_low,
        ratio_high,
        *spread_interval(p95, latency.process_p95_ms),
        *noise,
    )


def _clock_time(seconds: float) -> str:
    """Format seconds as papers and schedulers do, D-HH:MM:SS: 52953 -> 0-14:42:33."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}-{hour:02d}:{minute:02d}:{second:02d}"


def _first(values: Iterable[float | None]) -> float:
    """Return the first value that was measured; all seeds of a cell share it."""
    return next((float(value) for value in values if value is not None), NAN)


def _trial_row(experiment: str, run: RunRecord, cost: CellCost) -> dict[str, object]:
    return {
        "experiment": experiment,
        "cell": run.cell,
        "seed": run.seed,
        "trial_id": run.trial_id,
        "state": run.state,
        "attempts": run.attempts,
        **run.metrics,
        "train_seconds": run.train_seconds,
        "train_time": None if run.train_seconds is None else _clock_time(run.train_seconds),
        "step_ms_median": run.step_ms_median,
        "latency_ms_median": cost.clip.median_ms if cost.clip else None,
        "latency_ms_p95": cost.clip.p95_ms if cost.clip else None,
        "streaming_ms_median": cost.streaming.median_ms if cost.streaming else None,
        "streaming_ms_p95": cost.streaming.p95_ms if cost.streaming else None,
        "gflops": cost.gflops,
        "memory_mib": cost.memory_mib,
        "parameters": run.parameters,
        "peak_memory_mib": run.peak_memory_mib,
        "scored_split": run.scored_split,
        "scored_frames": run.scored_frames,
        "scored_step": run.scored_step,
        **{f"iou/{name}": value for name, value in run.iou.items()},
        **{name: value for name, value in run.settings.items() if name != "seed"},
        "run_id": run.run_id,
        "data_fingerprint": run.data_fingerprint,
        **run.environment,
        "message": run.message,
    }
