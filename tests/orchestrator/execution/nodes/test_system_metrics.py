"""The load of a trial's machine, as curves of its run."""

import pytest
import torch

from orchestrator.execution.nodes.system_metrics import SystemMetrics
from vss.training.inputs import Compute


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_curves_begin_after_a_minute_and_go_on_every_ten_seconds() -> None:
    clock = Clock()
    metrics = SystemMetrics(Compute(), clock)
    sampled_at = []

    for clock.seconds in range(1, 91):
        if metrics.sample(step=int(clock.seconds)):
            sampled_at.append(clock.seconds)

    assert sampled_at == [60, 70, 80, 90]


def test_values_are_those_of_this_machine_and_this_process() -> None:
    clock = Clock()
    metrics = SystemMetrics(Compute(), clock)
    clock.seconds = 60

    values = {name: value for name, step, value in metrics.sample(step=7) if step == 7}

    assert set(values) == {
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_percentage",
        "system/system_memory_usage_megabytes",
        "system/process_busy_cores",
        "system/process_memory_megabytes",
    }
    assert 0 <= values["system/cpu_utilization_percentage"] <= 100
    assert values["system/process_memory_megabytes"] > 10


def test_gpus_of_the_trial_are_read_as_far_as_their_driver_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(gpu: int) -> int:
        raise RuntimeError("cuda driver can't be loaded")

    clock = Clock()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda gpu: (3_000_000, 10_000_000))
    monkeypatch.setattr(torch.cuda, "utilization", lambda gpu: 97)
    monkeypatch.setattr(torch.cuda, "power_draw", fail)
    metrics = SystemMetrics(Compute("cuda", processes=2), clock)
    clock.seconds = 60

    values = {name: value for name, _, value in metrics.sample(step=1) if "gpu" in name}

    assert values == {
        "system/gpu_0_memory_usage_megabytes": 7,
        "system/gpu_0_utilization_percentage": 97,
        "system/gpu_1_memory_usage_megabytes": 7,
        "system/gpu_1_utilization_percentage": 97,
    }
