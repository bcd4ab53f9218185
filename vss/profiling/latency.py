"""Inference latency: models side by side on one idle device, whole clips and streams.

Every model has its turn in every round (A B C, A B C, ...), so that a machine that slows down
slows all of them; ratios are taken within a round. Latency depends on the architecture alone: it
is measured once a cell, with fresh weights.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vss.inference.streaming import Stream
from vss.inference.windows import autocast, predict
from vss.models.segmenter import build_inference_model
from vss.profiling.cost import count_cost
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement
from vss.runtime.clock import synchronise
from vss.runtime.environment import describe_environment
from vss.runtime.peak_memory import PeakTensorMemory
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig

# Models that are loaded at once; the baseline is among them in every group.
GROUP = 16
ROUNDS, RUNS_PER_ROUND = 10, 3


def measure_latency(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    compute: Compute,
    rounds: int = ROUNDS,
    runs_per_round: int = RUNS_PER_ROUND,
) -> LatencyMeasurement:
    """Measure latency, peak memory and operations of several models, one at a time.

    `clip` encodes every frame of the clip for a prediction, as the published code does;
    `streaming` encodes the new frame only and keeps the past. Batch 1, logits at frame size.

    Args:
        cells: name -> a trial of that cell; its weights do not matter.
        baseline: the cell that the others are compared with.
        compute: where to run.
        rounds: turns of each model, after one of warm-up.
        runs_per_round: timed predictions in one turn.
    """
    device = torch.device(compute.device_type)
    torch.set_num_threads(compute.threads)
    latencies: dict[str, CellLatency] = {}
    for group in _groups(cells, baseline):
        latencies |= _measure_group(group, baseline, device, rounds, runs_per_round)
    conditions = {
        **describe_environment(device, compute.threads),
        "batch_size": 1,
        "rounds": rounds,
        "runs_per_round": runs_per_round,
    }
    in_order = {name: latencies[name] for name in cells}
    return LatencyMeasurement(conditions=conditions, cells=in_order)


def _groups(cells: Mapping[str, TrialConfig], baseline: str) -> Iterator[Mapping[str, TrialConfig]]:
    others = [name for name in cells if name != baseline]
    for first in range(0, max(1, len(others)), GROUP - 1):
        names = [*([baseline] if baseline in cells else []), *others[first : first + GROUP - 1]]
        yield {name: cells[name] for name in names}


@dataclass(frozen=True)
class _Model:
    """A network ready to be timed.

    Attributes:
        forms: form -> a function that makes one prediction.
        facts: fields of CellLatency that are counted rather than timed.
    """

    forms: Mapping[str, Callable[[], object]]
    facts: Mapping[str, Any]


def _measure_group(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    device: torch.device,
    rounds: int,
    runs_per_round: int,
) -> dict[str, CellLatency]:
    models = {name: _prepare(config, device) for name, config in cells.items()}
    seconds: dict[tuple[str, str], list[list[float]]] = {
        (name, form): [] for name, model in models.items() for form in model.forms
    }
    for round_number in range(rounds + 1):
        for name, model in models.items():
            for form, run in model.forms.items():
                in_turn = [_time(run, device) for _ in range(runs_per_round)]
                if round_number > 0:
                    seconds[name, form].append(in_turn)
    return {
        name: CellLatency(
            **model.facts,
            **{
                form: _summarise(seconds[name, form], seconds.get((baseline, form), []))
                for form in model.forms
            },
        )
        for name, model in models.items()
    }


def _summarise(seconds: list[list[float]], baseline_seconds: list[list[float]]) -> FormLatency:
    """Convert the seconds of each round to milliseconds."""
    all_ms = 1000 * np.concatenate(seconds)
    return FormLatency(
        median_ms=float(np.median(all_ms)),
        p95_ms=float(np.percentile(all_ms, 95)),
        rounds_ms=[1000 * float(np.median(in_turn)) for in_turn in seconds],
        baseline_rounds_ms=[1000 * float(np.median(in_turn)) for in_turn in baseline_seconds],
    )


def _prepare(config: TrialConfig, device: torch.device) -> _Model:
    """Build a model, and make a first prediction in each form."""
    torch.manual_seed(0)
    size = (config.frame_height, config.frame_width)
    clip = torch.randn(1, config.memory_length + 1, 3, *size, device=device)
    with PeakTensorMemory() as tensors:
        model = build_inference_model(config).to(device).eval()
        stream = Stream(model)  # a new stream keeps nothing yet

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
    cost = count_cost(config)
    facts = {
        "trial_id": config.trial_id,
        "precision": config.precision,
        "parameters": cost.parameters,
        "gflops": cost.gflops,
        "peak_memory_mib": tensors.peak_bytes / 2**20,
    }
    forms: dict[str, Callable[[], object]] = {"clip": predict_clip}
    if config.window == 0:  # a stream has no windows: each would need a memory of its own
        forms["streaming"] = predict_next
    return _Model(forms, facts)


def _time(run: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - start
