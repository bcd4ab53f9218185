"""A study judged against another of its cells than the baseline that its spec states."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reports.records import CellCost, ExperimentRecord, Latency


def rebase(record: ExperimentRecord, baseline: str) -> ExperimentRecord:
    """Return a study whose cells are compared with another one than its spec says.

    Args:
        record: the study.
        baseline: the cell to compare with.

    Raises:
        ValueError: if the study has no such cell, or its baseline was changed before, which has
            cost some of the latencies.
    """
    if baseline not in record.cells:
        cells = ", ".join(f"'{cell}'" for cell in record.cells)
        raise ValueError(f"no cell '{baseline}' (choose from {cells})")
    if baseline == record.baseline:
        return record
    if record.own_baseline:
        raise ValueError(
            f"this report compares with '{record.baseline}' already, instead of the study's own "
            f"baseline '{record.own_baseline}': start from the report that it was made from"
        )
    return replace(
        record,
        baseline=baseline,
        own_baseline=record.baseline,
        costs=_rebase_costs(record.costs, baseline),
    )


def _rebase_costs(costs: Mapping[str, CellCost], baseline: str) -> dict[str, CellCost]:
    new = costs.get(baseline, CellCost())
    return {
        cell: replace(
            cost,
            clip=_rebase_latency(cost.clip, new.clip),
            streaming=_rebase_latency(cost.streaming, new.streaming),
        )
        for cell, cost in costs.items()
    }


def _rebase_latency(latency: Latency | None, new: Latency | None) -> Latency | None:
    """Return a latency beside the new baseline's.

    Cells take turns in groups, and the old baseline is the only one in all groups. What the new one
    would have taken in the rounds of another group follows from its ratio to the old one.
    """
    if latency is None:
        return None
    rounds: list[float] = []
    if new is not None and len(new.rounds_ms) == len(new.baseline_rounds_ms):
        ratio = np.divide(new.rounds_ms, new.baseline_rounds_ms)
        if len(latency.baseline_rounds_ms) == len(ratio):
            rounds = np.multiply(latency.baseline_rounds_ms, ratio).tolist()
    return replace(latency, baseline_rounds_ms=rounds, repeated_rounds_ms=())
