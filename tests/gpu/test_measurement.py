"""Clocks, peak memory and latency on DEVICE, and the advice when its memory runs out."""

import time

import pytest
import torch

from tests.conftest import TINY_MEMORY, tiny
from tests.device import DEVICE
from vss.data.dataset import IGNORE_LABEL
from vss.inference.windows import autocast
from vss.models.segmenter import build_model
from vss.profiling.cost import estimate_training_memory
from vss.profiling.latency import measure_latency
from vss.profiling.out_of_memory import OutOfMemoryError, explain_out_of_memory
from vss.runtime.clock import WARM_UP_STEPS, StepClock, synchronise
from vss.runtime.peak_memory import PeakMemory
from vss.training.inputs import Compute
from vss.training.losses import segmentation_loss
from vss.training.optimization import build_optimizer
from vss.trial_config import parse_settings

pytestmark = pytest.mark.slow

_MIB = 2**20


def test_clock_waits_for_the_device() -> None:
    """Launching matrix products takes no time on a GPU; the clock must include their run time."""
    x = torch.randn(1024, 1024, device=DEVICE)

    def work() -> None:
        y = x
        for _ in range(100 if DEVICE.type == "cuda" else 2):
            y = (x @ y).clamp(-1, 1)

    clock = StepClock(DEVICE, [])
    expected = []
    for _ in range(WARM_UP_STEPS + 5):
        clock.start()
        work()
        clock.stop()
        start = time.perf_counter()
        work()
        synchronise(DEVICE)
        expected.append(time.perf_counter() - start)

    assert len(clock.seconds) == 5
    assert 0.3 < sorted(clock.seconds)[2] / sorted(expected)[4] < 3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_latency_is_measured_in_both_forms(precision: str) -> None:
    size = {"frame_width": 96, "frame_height": 64, "precision": precision}
    cells = {"image": tiny(**size), "memory": parse_settings({**TINY_MEMORY, **size})}

    compute = Compute(DEVICE.type)
    measurement = measure_latency(cells, "image", compute, processes=1, rounds=3, runs_per_round=2)

    assert measurement.conditions["device_type"] == DEVICE.type
    for cell in measurement.cells.values():
        assert cell.streaming is not None
        for form in (cell.clip, cell.streaming):
            assert form.median_ms > 0
            assert len(form.rounds_ms) == len(form.baseline_rounds_ms) == 3
        assert cell.peak_memory_mib > 0


def test_peak_memory_includes_freed_tensors() -> None:
    peak = PeakMemory(DEVICE)
    start_mib = peak.mib()

    torch.ones(512 * _MIB // 4, device=DEVICE).sum().item()

    assert peak.mib() >= 0.9 * 512 + (start_mib if DEVICE.type == "cuda" else 0)


@pytest.mark.skipif(DEVICE.type != "cuda", reason="only CUDA's allocator counts tensors")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_step_takes_about_as_much_memory_as_estimated(precision: str) -> None:
    config = parse_settings(
        {**TINY_MEMORY, "width": 32, "head_channels": 128, "batch_size": 8, "frame_width": 192,
         "frame_height": 128, "precision": precision}
    )  # fmt: skip
    peak = PeakMemory(DEVICE)
    start_bytes = torch.cuda.memory_allocated()
    model = build_model(config).to(DEVICE)
    optimizer = build_optimizer(config, model)
    images = torch.randn(8, config.memory_length + 1, 3, 128, 192, device=DEVICE)
    labels = torch.zeros(8, 128, 192, dtype=torch.long, device=DEVICE)

    for _ in range(3):
        with autocast(config, DEVICE):
            outputs = model(images)
        loss = segmentation_loss(outputs, model.loss_weights, labels, None)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    step_mib = peak.mib() - start_bytes / _MIB
    # Convolutions may need an additional workspace; fused attention stores no logits.
    assert 0.5 < step_mib / (estimate_training_memory(config) / _MIB) < 2


def test_running_out_of_memory_is_explained() -> None:
    config = tiny(batch_size=64)

    with pytest.raises(OutOfMemoryError) as error, explain_out_of_memory(config, DEVICE):
        torch.empty(2**56, dtype=torch.uint8, device=DEVICE)

    kind = "GPU" if DEVICE.type == "cuda" else "machine"
    assert f"the {kind} has " in str(error.value)
    assert "batch_size of 64" in str(error.value)


def test_batch_without_labels_has_no_loss() -> None:
    logits = torch.randn(2, 8, 4, 6, device=DEVICE, requires_grad=True)
    labels = torch.full((2, 32, 48), IGNORE_LABEL, device=DEVICE)

    loss = segmentation_loss((logits,), (1.0,), labels, torch.ones(8, device=DEVICE))
    loss.backward()

    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
