"""Made-up records of experiments, with numbers that can be checked by hand."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reports.figures import (
    class_heat_map,
    curves,
    differences,
    factor,
    frontier,
    steadiness,
    style,
)
from reports.records import CellCost, ExperimentRecord, Latency, RunRecord, Sample

SETTINGS = {
    "dataset": "camvid",
    "precision": "fp32",
    "steps": 10,
    "batch_size": 2,
    "select": "last",
}
EMPTY_FIGURE = '<svg xmlns="http://www.w3.org/2000/svg"/>'
ENVIRONMENT = {"device": "a processor", "threads": "1", "torch": "2.0", "git_commit": "abc"}


def finished_run(cell: str, seed: int, miou: float, **changes: Any) -> RunRecord:
    """Make a finished trial with results."""
    values: dict[str, Any] = {
        "settings": {**SETTINGS, "seed": seed},
        "metrics": {"miou": miou, "pixel_accuracy": 0.9},
        "iou": {"road": miou, "sky": 0.5},
        "train_seconds": 60.0,
        "parameters": 1_000_000,
        "peak_memory_mib": 100.0,
        "scored_split": "test",
        "scored_frames": 4,
        "data_fingerprint": "f" * 64,
        "environment": ENVIRONMENT,
        "run_id": f"run-{cell}-{seed}",
        "attempts": 1,
    }
    return RunRecord(cell, seed, f"{cell}-{seed}", "FINISHED", **(values | changes))


def cost(median_ms: float, baseline_ms: float = 4.0) -> CellCost:
    """Make the cost of a cell that takes equally long every round, and half as long streaming."""
    latencies = [
        Latency(median_ms / n, (median_ms + 1) / n, [median_ms / n] * 3, [baseline_ms / n] * 3)
        for n in (1, 2)
    ]
    return CellCost(*latencies, gflops=12.5, memory_mib=64.0)


def record(runs: Sequence[RunRecord], **changes: Any) -> ExperimentRecord:
    """Make an experiment of these trials; the cell of the first is the baseline."""
    cells = list(dict.fromkeys(run.cell for run in runs))
    values: dict[str, Any] = {
        "name": "study",
        "description": "The question.",
        "baseline": cells[0],
        "cells": cells,
        "runs": runs,
        "costs": {cell: cost(4.0) for cell in cells},
        "latency_conditions": {
            "batch_size": 1,
            "rounds": 3,
            "runs_per_round": 5,
            "device": "a processor",
            "threads": 1,
        },
    }
    return ExperimentRecord(**(values | changes))


@pytest.fixture
def study() -> ExperimentRecord:
    """Return two cells of three seeds, with 40, 42, 44 and 50, 51, 52 points."""
    larger = {"train_seconds": 90.0, "parameters": 2_000_000}
    return record(
        [finished_run("base", seed, miou) for seed, miou in enumerate([0.40, 0.42, 0.44])]
        + [
            finished_run("new", seed, miou, **larger)
            for seed, miou in enumerate([0.50, 0.51, 0.52])
        ],
        costs={"base": cost(4.0), "new": cost(6.0)},
    )


def with_samples(study: ExperimentRecord) -> ExperimentRecord:
    """Add a frame of two classes to seed 0 of both cells; the baseline predicts road everywhere."""
    image = np.full((4, 6, 3), 90, dtype=np.uint8)
    label = np.tile(np.array([0, 0, 0, 1, 1, 255], dtype=np.uint8), (4, 1))
    right, road = np.minimum(label, 1), np.zeros_like(label)
    predictions = {cell: road if cell == "base" else right for cell in study.cells}
    runs = [
        replace(r, samples={"s/1": Sample(image, label, predictions[r.cell])}) if r.seed == 0 else r
        for r in study.runs
    ]
    return replace(study, runs=runs, colours={"road": (128, 64, 128), "sky": (70, 130, 180)})


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures empty, for tests of text: to draw them takes longer than all the rest."""

    def save_empty(path: Path, *_: object, **__: object) -> Iterator[style.Drawing]:
        for file in (path, style.narrow_form(path)):
            file.write_text(EMPTY_FIGURE)
        yield from ()

    for module in (class_heat_map, curves, differences, factor, frontier, steadiness):
        monkeypatch.setattr(module, "drawings", save_empty)


@pytest.fixture
def picture() -> bytes:
    """Return a PNG."""
    content = io.BytesIO()
    Image.new("RGB", (6, 2), (200, 10, 10)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def large_picture() -> bytes:
    """Return a PNG that is too large for a line of text."""
    content = io.BytesIO()
    Image.new("RGB", (60, 40)).save(content, "PNG")
    return content.getvalue()
