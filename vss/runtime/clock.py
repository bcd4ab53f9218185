"""Honest clocks: the device is synchronised before each reading, and warm-up is left out."""

import time

import numpy as np
import torch

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
