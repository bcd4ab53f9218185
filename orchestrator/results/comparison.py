"""The comparison of cells, from one experiment or two, in pairs as in a report."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from orchestrator.ledger.trial_names import split_cell
from orchestrator.results.records import read_record
from orchestrator.results.report_folder import is_report_folder, load_report_folder
from orchestrator.stores import Stores
from reports.analysis.study import Study
from reports.analysis.verdict_rows import build_verdict_rows
from reports.metrics import get_metric
from reports.records import ExperimentRecord
from vss.errors import UserError
from vss.suggestions import did_you_mean


def compare(
    first: str, second: str, stores: Stores, metric: str = "miou"
) -> list[ExperimentRecord]:
    """Return pairs of cells as experiments of two cells each; the first cell is the baseline.

    Args:
        first: `EXPERIMENT:CELL`, or `EXPERIMENT` for all of its cells; the folder of a report may
            stand for an experiment.
        second: the same for the other side. Of two experiments, cells with the same name are
            compared.
        stores: the stores of the experiments.
        metric: the metric to compare.

    Raises:
        UserError: if an experiment, cell or metric does not exist, or there is nothing to compare.
    """
    record, cells = _read_cells(first, stores)
    other, other_cells = _read_cells(second, stores)
    if len(cells) == 1 and len(other_cells) == 1:
        pairs = [(cells[0], other_cells[0])]
    else:
        pairs = [(cell, cell) for cell in cells if cell in other_cells]
    if not pairs:
        raise UserError(
            f"'{first}' and '{second}' share no cell name ({', '.join(cells)}; "
            f"{', '.join(other_cells)}): write two cells as EXPERIMENT:CELL"
        )
    if record.name == other.name and all(cell == other_cell for cell, other_cell in pairs):
        raise UserError(f"'{first}' and '{second}' are the same: choose two different cells")
    records = [_pair(record, cell, other, other_cell) for cell, other_cell in pairs]
    _check_metric(records, metric)
    return records


def build_json(pairs: Sequence[ExperimentRecord], metric: str) -> dict[str, Any]:
    """Return the rows of `reports.verdicts` for each pair, as plain values for JSON."""
    return {
        "metric": metric,
        "higher_is_better": get_metric(metric).higher_is_better,
        "pairs": [
            {
                "baseline": pair.baseline,
                "interim": pair.interim,
                "cells": [asdict(row) for row in build_verdict_rows(Study(pair, metric))],
            }
            for pair in pairs
        ],
    }


def _check_metric(pairs: Sequence[ExperimentRecord], metric: str) -> None:
    metrics = {name for pair in pairs for run in pair.finished for name in run.metrics}
    if metric not in metrics:
        hint = did_you_mean(metric, dict.fromkeys(metrics))
        raise UserError(
            f"no trial has the metric '{metric}' (metrics: {', '.join(sorted(metrics))}){hint}"
        )


def _read_cells(side: str, stores: Stores) -> tuple[ExperimentRecord, list[str]]:
    """Read one side of a comparison: return its experiment and the cells to compare."""
    name, colon, cell = side.partition(":")
    is_folder = is_report_folder(name)
    record = load_report_folder(Path(name)) if is_folder else _read_experiment(name, stores)
    if not colon:
        return record, list(record.cells)
    cell, seed = split_cell(name, cell, record.cells)
    if seed is not None:
        raise UserError(
            f"'{side}' names one trial, but cells are compared over all their seeds: "
            f"write {name}:{cell}"
        )
    return record, [cell]


def _read_experiment(name: str, stores: Stores) -> ExperimentRecord:
    ledger = stores.ledger
    return read_record(ledger.experiment(name), ledger.trials(name), stores.tracker)


def _pair(
    record: ExperimentRecord, cell: str, other: ExperimentRecord, other_cell: str
) -> ExperimentRecord:
    names = (f"{record.name}: {cell}", f"{other.name}: {other_cell}")
    sides = ((record, cell, names[0]), (other, other_cell, names[1]))
    runs = [
        replace(run, cell=name)
        for side, side_cell, name in sides
        for run in side.runs
        if run.cell == side_cell
    ]
    costs = {
        name: side.costs[side_cell] for side, side_cell, name in sides if side_cell in side.costs
    }
    return replace(
        record,
        baseline=names[0],
        own_baseline="",
        cells=list(names),
        runs=runs,
        costs=costs,
        looks=max(record.looks, other.looks, key=len),
        interim=record.interim or other.interim,
    )
