"""Honest clocks: the device is synchronised before each reading, and warm-up is left out."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from vss.config import TrialConfig
from vss.environment import describe
from vss.inference import predict
from vss.models.segmenter import VideoSegmenter, build_model

WARM_UP_STEPS = 3  # after each start: allocator, kernel choice, caches


class StepClock:
    """Times the optimiser steps of one attempt, adding to those of earlier ones.

    Attributes:
        seconds: duration of every timed step, in order.
    """

    def __init__(self, device: torch.device, seconds: list[float]) -> None:
        self.seconds = seconds
        self._device = device
        self._to_skip = WARM_UP_STEPS
        self._started = 0.0

    def start(self) -> None:
        """A step begins."""
        synchronise(self._device)
        self._started = time.perf_counter()

    def stop(self) -> None:
        """A step has ended."""
        synchronise(self._device)
        if self._to_skip > 0:
            self._to_skip -= 1
        else:
            self.seconds.append(time.perf_counter() - self._started)

    def summary(self, steps: int) -> dict[str, float | None]:
        """Training time over `steps` steps, those of the warm-up counted like an average one."""
        if not self.seconds:
            return {"train_seconds": None, "step_ms_median": None, "step_ms_p95": None}
        return {
            "train_seconds": float(np.mean(self.seconds)) * steps,
            "step_ms_median": float(np.median(self.seconds)) * 1000,
            "step_ms_p95": float(np.percentile(self.seconds, 95)) * 1000,
        }


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(
    cells: Mapping[str, TrialConfig],
    device: torch.device,
    threads: int,
    rounds: int = 10,
    runs_per_round: int = 3,
) -> dict[str, Any]:
    """Inference latency of several models, one at a time on an otherwise idle device.

    Every model is run in every round (A B C, A B C, ...), so that a machine that slows down slows
    all of them. Batch 1, a whole clip encoded for each prediction, logits at frame size.

    Args:
        cells: name -> a trial of that cell; its weights do not matter.
        device: where to run.
        threads: for the CPU.
        rounds: how often each model has its turn, after one turn of warm-up.
        runs_per_round: timed predictions in one turn.

    Returns:
        `conditions` (device, threads, rounds ...) and `cells`: name -> median and p95 in ms.
    """
    torch.set_num_threads(threads)
    runs = {name: _prepare(config, device) for name, config in cells.items()}
    taken: dict[str, list[float]] = {name: [] for name in cells}
    for round_number in range(rounds + 1):
        for name, run in runs.items():
            times = [_timed(run, device) for _ in range(runs_per_round)]
            if round_number > 0:
                taken[name] += times
    return {
        "conditions": {
            **describe(device, threads),
            "batch_size": 1,
            "rounds": rounds,
            "runs_per_round": runs_per_round,
        },
        "cells": {
            name: {
                "latency_ms_median": float(np.median(times)) * 1000,
                "latency_ms_p95": float(np.percentile(times, 95)) * 1000,
                "precision": cells[name].precision,
            }
            for name, times in taken.items()
        },
    }


def _prepare(config: TrialConfig, device: torch.device) -> Callable[[], object]:
    torch.manual_seed(0)
    model: VideoSegmenter = build_model(config.model_copy(update={"weights": "none"}))
    model = model.to(device).eval()
    size = (config.frame_height, config.frame_width)
    clip = torch.randn(1, config.memory_length + 1, 3, *size, device=device)

    @torch.inference_mode()
    def run() -> object:
        return predict(model, config, clip, size)

    return run


def _timed(run: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    started = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - started
