"""Signs that other work disturbed a measurement of time."""

from collections.abc import Iterator, Sequence

from reports.analysis.overview import group_by_cell
from reports.records import ExperimentRecord, Latency
from reports.text.format import escape, number

_MAX_LOAD_SHARE = 0.25  # of the processors, kept busy by other processes
_MAX_TAIL = 1.5  # p95 over median; 1.02 to 1.15 on idle machines
_MAX_STEP_SPREAD = 1.25  # median step of the slowest seed over that of the fastest


def find_latency_signs(record: ExperimentRecord) -> list[str]:
    """Return the signs that latency was measured on a busy machine, as clauses."""
    signs = []
    load, processors = (
        record.latency_conditions.get(name) for name in ("other_load", "processors")
    )
    if load is not None and processors and load > _MAX_LOAD_SHARE * processors:
        signs.append(
            f"other processes kept {number(load, 1)} of {processors} processors busy meanwhile"
        )
    tail, cell = max(_list_tails(record), default=(0.0, ""))
    if tail > _MAX_TAIL:
        signs.append(f"the p95 of {escape(cell)} is {number(tail, 1)} times its median")
    return signs


def find_training_signs(record: ExperimentRecord) -> list[str]:
    """Return the signs that trials were trained on a busy machine, as clauses."""
    spread, cell = max(_list_step_spreads(record), default=(0.0, ""))
    if spread <= _MAX_STEP_SPREAD:
        return []
    return [
        f"the median step of {escape(cell)} takes {number(spread, 1)} times as long at one seed as "
        "at another"
    ]


def describe_disturbance(record: ExperimentRecord) -> str:
    """Say that times were measured on a busy machine; return "" without a sign of it."""
    sentences = []
    if signs := find_latency_signs(record):
        sentences.append(f"**Latency was measured on a busy machine**: {_join(signs)}.")
    if signs := find_training_signs(record):
        sentences.append(f"**Training time was measured on a busy machine**: {_join(signs)}.")
    if sentences:
        sentences.append("Ratios of times are marked, as other work may have distorted them.")
    return " ".join(sentences)


def mark_heading(heading: str, record: ExperimentRecord) -> str:
    """Mark the heading of a column with ratios of times that other work disturbed."""
    is_marked = ("latency, ratio" in heading and find_latency_signs(record)) or (
        heading == "relative training time" and find_training_signs(record)
    )
    return f"{heading} (busy machine)" if is_marked else heading


def _list_tails(record: ExperimentRecord) -> Iterator[tuple[float, str]]:
    """Yield p95 over median of each measurement, with its cell."""
    for cell, cost in record.costs.items():
        for latency in (cost.clip, cost.streaming):
            if latency is not None and latency.p95_ms is not None:
                yield _tail(latency, latency.p95_ms), cell


def _tail(latency: Latency, p95_ms: float) -> float:
    return p95_ms / latency.median_ms if latency.median_ms > 0 else 0.0


def _list_step_spreads(record: ExperimentRecord) -> Iterator[tuple[float, str]]:
    """Yield slowest over fastest median step over the seeds of each cell, on one kind of device."""
    for cell, runs in group_by_cell(record).items():
        steps: dict[str, list[float]] = {}
        for run in runs:
            if run.step_ms_median is not None and run.step_ms_median > 0:
                steps.setdefault(str(run.environment.get("device")), []).append(run.step_ms_median)
        for times in steps.values():
            yield max(times) / min(times), cell


def _join(signs: Sequence[str]) -> str:
    return "; ".join(signs)
