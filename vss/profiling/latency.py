"""Inference latency: models side by side on one idle device, whole clips and streams.

Every model has its turn in every round (A B C, A B C, ...), so that a machine that slows down
slows all of them; ratios are taken within a round. Latency depends on the architecture alone: it
is measured once a cell, with fresh weights.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from vss.inference.streaming import Stream
from vss.inference.windows import autocast, predict
from vss.models.segmenter import build_inference_model
from vss.profiling.cost import count
from vss.runtime.clock import synchronise
from vss.runtime.environment import describe_environment
from vss.runtime.peak_memory import PeakTensorMemory
from vss.trial_config import TrialConfig

# Models that are in memory at once; the baseline is among them in every group.
GROUP = 16
ROUNDS, RUNS_PER_ROUND = 10, 3


def measure(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    device: torch.device,
    threads: int,
    rounds: int = ROUNDS,
    runs_per_round: int = RUNS_PER_ROUND,
) -> dict[str, Any]:
    """Latency, memory and operations of several models, one at a time on an idle device.

    `clip` encodes every frame of the clip for a prediction, as the published code does;
    `streaming` encodes the new frame only and keeps the past. Batch 1, logits at frame size.

    Args:
        cells: name -> a trial of that cell; its weights do not matter.
        baseline: the cell that others are set against.
        device: where to run.
        threads: for the CPU.
        rounds: how often each model has its turn, after one turn of warm-up.
        runs_per_round: timed predictions in one turn.

    Returns:
        `conditions` (device, threads, rounds ...) and `cells`: name -> `precision`, `parameters`,
        `gflops`, `memory_mib` (weights and tensors of one prediction), and for `clip` and
        `streaming` each `median_ms`, `p95_ms`, `rounds_ms` (the median of each round) and
        `baseline_rounds_ms` (the baseline's in the same rounds).
    """
    torch.set_num_threads(threads)
    found: dict[str, Any] = {}
    for group in _groups(cells, baseline):
        found |= _measure_group(group, baseline, device, rounds, runs_per_round)
    return {
        "conditions": {
            **describe_environment(device, threads),
            "batch_size": 1,
            "rounds": rounds,
            "runs_per_round": runs_per_round,
        },
        "cells": {name: found[name] for name in cells},
    }


def _groups(cells: Mapping[str, TrialConfig], baseline: str) -> Iterator[Mapping[str, TrialConfig]]:
    others = [name for name in cells if name != baseline]
    for first in range(0, max(1, len(others)), GROUP - 1):
        names = [*([baseline] if baseline in cells else []), *others[first : first + GROUP - 1]]
        yield {name: cells[name] for name in names}


def _measure_group(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    device: torch.device,
    rounds: int,
    runs_per_round: int,
) -> dict[str, Any]:
    facts = {}
    prepared = {}
    for name, config in cells.items():
        prepared[name], facts[name] = _prepare(config, device)
    times: dict[tuple[str, str], list[list[float]]] = {
        (name, form): [] for name, forms in prepared.items() for form in forms
    }
    for round_number in range(rounds + 1):
        for name, forms in prepared.items():
            for form, run in forms.items():
                taken = [_timed(run, device) for _ in range(runs_per_round)]
                if round_number > 0:
                    times[name, form].append(taken)
    return {
        name: {
            **facts[name],
            **{
                form: _summary(times[name, form], times.get((baseline, form), []))
                for form in prepared[name]
            },
        }
        for name in cells
    }


def _summary(times: list[list[float]], of_baseline: list[list[float]]) -> dict[str, Any]:
    """From seconds of each round to milliseconds."""
    everything = 1000 * np.concatenate(times)
    return {
        "median_ms": float(np.median(everything)),
        "p95_ms": float(np.percentile(everything, 95)),
        "rounds_ms": [1000 * float(np.median(taken)) for taken in times],
        "baseline_rounds_ms": [1000 * float(np.median(taken)) for taken in of_baseline],
    }


def _prepare(
    config: TrialConfig, device: torch.device
) -> tuple[dict[str, Callable[[], object]], dict[str, Any]]:
    """The two forms of a model, and what is counted rather than timed."""
    torch.manual_seed(0)
    size = (config.frame_height, config.frame_width)
    clip = torch.randn(1, config.memory_length + 1, 3, *size, device=device)
    with PeakTensorMemory() as memory:
        model = build_inference_model(config).to(device).eval()
        stream = Stream(model)  # a stream that has just begun has nothing kept yet

        @torch.inference_mode()
        def predict_clip() -> object:
            return predict(model, config, clip, size)

        @torch.inference_mode()
        def predict_next() -> object:
            with autocast(config, device):
                return stream.predict(clip[:, -1], size)

        predict_clip()
    for _ in range(config.memory_length + 1):
        predict_next()
    counted = count(config)
    facts = {
        "precision": config.precision,
        "parameters": counted.parameters,
        "gflops": counted.gflops,
        "memory_mib": memory.peak_bytes / 2**20,
    }
    forms: dict[str, Callable[[], object]] = {"clip": predict_clip}
    if config.window == 0:  # a stream has no windows: each would need a memory of its own
        forms["streaming"] = predict_next
    return forms, facts


def _timed(run: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    started = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - started
