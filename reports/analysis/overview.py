"""From records to tables of numbers, and from numbers to what is printed.

Tables hold plain numbers (fractions, seconds, milliseconds); only `render` turns them into text.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from reports.analysis.statistics import median_interval, median_ratio, relative_change, summarise
from reports.analysis.study import Compared, Study
from reports.records import CellCost, ExperimentRecord, Latency, RunRecord

MISSING = "-"
# What the main table can be sorted by -> its column, and whether more of it is better.
SORTS = {
    "miou": ("mean", True),
    "difference": ("delta", True),
    "training-time": ("train_seconds", False),
    "latency": ("clip_median", False),
    "streaming": ("streaming_median", False),
    "parameters": ("parameters", False),
    "gflops": ("gflops", False),
    "memory": ("memory_mib", False),
    "training-memory": ("peak_memory_mib", False),
    "cell": ("cell", False),
}


def results(record: ExperimentRecord) -> pd.DataFrame:
    """One row a trial, everything that is known about it; what `results.csv` holds."""
    return pd.DataFrame(
        [
            _result_row(record.name, run, record.costs.get(run.cell, CellCost()))
            for run in record.runs
        ]
    )


def overview(study: Study) -> pd.DataFrame:
    """One row a cell, in the order of the spec: the report's main table, as plain numbers.

    Columns: mean, std and n of the metric; the difference from the baseline with its interval
    (`low`, `high`; `low_all`, `high_all` hold for all cells at once), `verdict`, relative
    difference; train_seconds and its relative difference; for `clip` and `streaming` latency
    median, p95, the median's interval (`_low`, `_high`), ratio to the baseline and the ratio's
    interval; parameters, gflops, memory_mib,
    peak_memory_mib (of the training); what others published.
    """
    compared = study.against_baseline
    record = study.record
    cells = by_cell(record)
    rows = pd.DataFrame(
        [
            {
                **_cell_row(record, cell, cells[cell], study.metric),
                **_difference(cell, record.baseline, compared.get(cell)),
            }
            for cell in record.cells
        ]
    )
    base = rows.to_dict("records")[record.cells.index(record.baseline)]
    for name, column in (("mean", "delta_relative"), ("train_seconds", "train_relative")):
        rows[column] = [relative_change(value, base[name]) for value in rows[name]]
    return rows


def in_order(rows: pd.DataFrame, sort: str | None) -> pd.DataFrame:
    """The main table, the best row first by one of `SORTS`; as it is for None.

    What is not known stands last, equal rows in the order of the spec.

    Raises:
        ValueError: if it cannot be sorted by that.
    """
    if sort is None:
        return rows
    if sort not in SORTS:
        raise ValueError(f"cannot sort by '{sort}'; known: {', '.join(SORTS)}")
    column, more_is_better = SORTS[sort]
    return rows.sort_values(column, ascending=not more_is_better, kind="stable", ignore_index=True)


def per_class(record: ExperimentRecord) -> pd.DataFrame:
    """One row a cell, one column a class: mean IoU over the seeds."""
    classes = list(dict.fromkeys(name for run in record.finished for name in run.iou))
    rows = {
        cell: {name: summarise(run.iou.get(name) for run in runs).mean for name in classes}
        for cell, runs in by_cell(record).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=classes)


def by_cell(record: ExperimentRecord) -> dict[str, list[RunRecord]]:
    """Cell -> its finished trials."""
    found: dict[str, list[RunRecord]] = {cell: [] for cell in record.cells}
    for run in record.finished:
        found[run.cell].append(run)
    return found


def render(table: pd.DataFrame, columns: Mapping[str, Callable[[pd.Series], str]]) -> str:
    """A Markdown table.

    Args:
        table: one row a line.
        columns: heading -> what to print of a row; the first column is left-aligned.
    """
    lines = [" | ".join(columns), " | ".join([":--", *["--:"] * (len(columns) - 1)])]
    lines += [" | ".join(show(row) for show in columns.values()) for _, row in table.iterrows()]
    return "\n".join(f"| {line} |" for line in lines)


def escape(text: str) -> str:
    """Text that Markdown prints as it is; what needs no escape stays readable in the source."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"[\\`*\[\]|$~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", flat)


def percent(fraction: float, digits: int = 2) -> str:
    """0.7541 -> 75.41."""
    return MISSING if math.isnan(fraction) else f"{100 * fraction:.{digits}f}"


def signed(number: float, digits: int = 2, unit: str = "") -> str:
    """A difference: +1.02, -0.17 with a true minus sign left to the font."""
    return MISSING if math.isnan(number) else f"{number:+.{digits}f}{unit}"


def duration(seconds: float) -> str:
    """Seconds as the paper writes them: D-HH:MM:SS, days only if there are any."""
    if math.isnan(seconds):
        return MISSING
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}-{hour:02d}:{minute:02d}:{second:02d}"


def interval(low: float, high: float, digits: int = 2) -> str:
    """Both ends, signed: +1.02 to +3.10."""
    return MISSING if math.isnan(low) else f"{low:+.{digits}f} to {high:+.{digits}f}"


def number(value: float, digits: int = 1) -> str:
    """A number, or a dash."""
    return MISSING if math.isnan(value) else f"{value:,.{digits}f}"


def spread(mean: float, std: float, n: int) -> str:
    """Mean ± standard deviation (n) of a fraction, in percent."""
    if n == 0:
        return MISSING
    return f"{percent(mean)} ± {percent(std)} ({n})" if n > 1 else f"{percent(mean)} (1)"


def _cell_row(
    record: ExperimentRecord, cell: str, runs: list[RunRecord], metric: str
) -> dict[str, object]:
    score = summarise(run.metrics.get(metric) for run in runs)
    cost = record.costs.get(cell, CellCost())
    published = record.published.get(cell, {})
    return {
        "cell": cell,
        "mean": score.mean,
        "std": score.std,
        "n": score.n,
        "train_seconds": summarise(run.train_seconds for run in runs).mean,
        **_latency("clip", cost.clip),
        **_latency("streaming", cost.streaming),
        "parameters": _first(run.parameters for run in runs),
        "gflops": _known(cost.gflops),
        "memory_mib": _known(cost.memory_mib),
        "peak_memory_mib": max((run.peak_memory_mib or 0 for run in runs), default=math.nan),
        "published_miou": published.get("miou", math.nan),
        "published_seconds": published.get("train_seconds", math.nan),
    }


def _latency(form: str, found: Latency | None) -> dict[str, float]:
    names = ("median", "p95", "low", "high", "ratio", "ratio_low", "ratio_high")
    if found is None:
        return {f"{form}_{name}": math.nan for name in names}
    _, *ends = median_interval(found.rounds_ms)
    ratio = median_ratio(found.rounds_ms, found.baseline_rounds_ms)
    values = (found.median_ms, found.p95_ms, *ends, *ratio)
    return {f"{form}_{name}": value for name, value in zip(names, values, strict=True)}


def _difference(cell: str, baseline: str, found: Compared | None) -> dict[str, object]:
    if found is None:
        own = 0.0 if cell == baseline else math.nan
        nothing = dict.fromkeys(("low", "high", "low_all", "high_all"), math.nan)
        return {"delta": own, **nothing, "verdict": "baseline" if cell == baseline else MISSING}
    low, high = found.difference.interval()
    low_all, high_all = found.difference.interval(found.family)
    return {
        "delta": found.difference.mean,
        "low": low,
        "high": high,
        "low_all": low_all,
        "high_all": high_all,
        "verdict": found.verdict,
    }


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _first(values: Iterable[float | None]) -> float:
    """Of figures that all seeds of a cell share."""
    return next((float(value) for value in values if value is not None), math.nan)


def _result_row(experiment: str, run: RunRecord, cost: CellCost) -> dict[str, object]:
    return {
        "experiment": experiment,
        "cell": run.cell,
        "seed": run.seed,
        "trial_id": run.trial_id,
        "state": run.state,
        "attempts": run.attempts,
        **run.metrics,
        "train_seconds": run.train_seconds,
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
