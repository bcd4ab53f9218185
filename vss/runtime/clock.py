"""Clocks that synchronise the device before each reading and leave out the warm-up."""

import time

import numpy as np
import torch

WARM_UP_STEPS = 3  # after each start, for the allocator, the choice of kernels and the caches


class StepClock:
    """A stopwatch for the optimiser steps of a trial, over all of its attempts.

    Attributes:
        seconds: the duration of every timed step, in order.
    """

    def __init__(self, device: torch.device, seconds: list[float]) -> None:
        self.seconds = seconds
        self._device = device
        self._remaining_warm_up_steps = WARM_UP_STEPS
        self._start_seconds = 0.0

    def start(self) -> None:
        """Start timing a step."""
        synchronise(self._device)
        self._start_seconds = time.perf_counter()

    def stop(self) -> None:
        """Stop timing the step, and record it unless it belongs to the warm-up."""
        synchronise(self._device)
        if self._remaining_warm_up_steps > 0:
            self._remaining_warm_up_steps -= 1
        else:
            self.seconds.append(time.perf_counter() - self._start_seconds)

    def summary(self, steps: int) -> dict[str, float | None]:
        """Summarise `steps` steps, counting each warm-up step as an average one."""
        if not self.seconds:
            return {"train_seconds": None, "step_ms_median": None, "step_ms_p95": None}
        return {
            "train_seconds": float(np.mean(self.seconds)) * steps,
            "step_ms_median": float(np.median(self.seconds)) * 1000,
            "step_ms_p95": float(np.percentile(self.seconds, 95)) * 1000,
        }


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
