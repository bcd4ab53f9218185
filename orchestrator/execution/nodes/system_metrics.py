"""How busy a trial keeps its machine: processor, memory and GPUs, as curves in its run.

MLflow shows metrics whose names begin with "system/" on a page of their own; the names are those of
its own monitor, which writes past the outbox, so that an outage of the store would lose its points.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import psutil
import torch

from orchestrator.tracking.trial_run import Point
from vss.training.inputs import Compute

START_SECONDS = 60.0  # a short trial needs no such curves
PERIOD_SECONDS = 10.0
_MEGABYTE = 1e6
_WATT = 1000  # in the unit of the driver


class SystemMetrics:
    """The load of this machine, and this process' part of it, while a trial trains.

    Args:
        compute: the share of the machine that the trial runs on.
        clock: returns the time in seconds.
    """

    def __init__(self, compute: Compute, clock: Callable[[], float] = time.monotonic) -> None:
        self._gpus = range(compute.processes if compute.device_type == "cuda" else 0)
        self._clock = clock
        self._process = psutil.Process()
        self._next_sample = clock() + START_SECONDS
        self._last_time = clock()
        self._last_process_seconds = self._process_seconds()
        psutil.cpu_percent()  # the next call returns the mean since this one

    def sample(self, step: int) -> Sequence[Point]:
        """Return the points of a step, means since the last ones; none if it is too early."""
        now = self._clock()
        if now < self._next_sample:
            return ()
        self._next_sample = now + PERIOD_SECONDS
        values = [*self._machine(), *self._own_share(now), *self._of_gpus()]
        return [(f"system/{name}", step, value) for name, value in values]

    def _machine(self) -> Iterator[tuple[str, float]]:
        memory = psutil.virtual_memory()
        yield "cpu_utilization_percentage", psutil.cpu_percent()
        yield "system_memory_usage_percentage", memory.percent
        yield "system_memory_usage_megabytes", round(memory.used / _MEGABYTE)

    def _own_share(self, now: float) -> Iterator[tuple[str, float]]:
        seconds = self._process_seconds()
        busy = (seconds - self._last_process_seconds) / max(now - self._last_time, 1e-9)
        self._last_time, self._last_process_seconds = now, seconds
        yield "process_busy_cores", round(max(0.0, busy), 2)
        yield "process_memory_megabytes", round(self._process_bytes() / _MEGABYTE)

    def _process_seconds(self) -> float:
        """Return the processor seconds of this process and of those that train with it."""
        seconds = 0.0
        for process in self._processes():
            with suppress(psutil.Error):  # it has just ended
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds

    def _process_bytes(self) -> int:
        resident = 0
        for process in self._processes():
            with suppress(psutil.Error):
                resident += process.memory_info().rss
        return resident

    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def _of_gpus(self) -> Iterator[tuple[str, float]]:
        for gpu in self._gpus:
            for name, read in _GPU_VALUES.items():
                # The driver's library is missing or too old, or the card has no such sensor.
                with suppress(Exception):
                    yield f"gpu_{gpu}_{name}", round(read(gpu))


def _read_gpu_memory(gpu: int) -> float:
    """Return the used megabytes of a GPU, by whichever process."""
    if torch.cuda.is_initialized():  # else the question itself would take memory there
        free, total = torch.cuda.mem_get_info(gpu)
        return (total - free) / _MEGABYTE
    return torch.cuda.device_memory_used(gpu) / _MEGABYTE


_GPU_VALUES: dict[str, Callable[[int], float]] = {
    "memory_usage_megabytes": _read_gpu_memory,
    "utilization_percentage": lambda gpu: torch.cuda.utilization(gpu),
    "power_usage_watts": lambda gpu: torch.cuda.power_draw(gpu) / _WATT,
}
