"""Counted costs, against independent counts for the published networks."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.conftest import tiny
from vss import catalog
from vss.inference.windows import autocast, predict
from vss.models.segmenter import build_model
from vss.profiling.cost import count_cost, estimate_training_memory
from vss.runtime.peak_memory import PeakTensorMemory
from vss.training.losses import segmentation_loss
from vss.training.optimization import build_optimizer

PAPER_SETTINGS = {
    "dataset": "camvid", "clips": None, "frame_width": 480, "frame_height": 360,
    "backbone": "resnet18_v1c", "width": 64, "head_channels": 512, "auxiliary_channels": 256,
}  # fmt: skip


def count(**settings: Any) -> Any:
    return count_cost(tiny(**{**PAPER_SETTINGS, **settings}))


@pytest.mark.slow
def test_tmanet_costs_as_much_as_the_published_code() -> None:
    """That has 378.3 GFLOP and 17.52 M parameters with 12 classes of 513 parameters each."""
    cost = count(head="tma", memory_length=4)

    assert cost.gflops == pytest.approx(378.3, rel=0.01)
    assert cost.parameters == pytest.approx(17.52e6 - 513, rel=0.001)


@pytest.mark.slow
def test_tmanet_at_640x640_costs_as_much_as_the_published_code() -> None:
    cost = count(head="tma", memory_length=4, frame_width=640, frame_height=640)

    assert cost.gflops == pytest.approx(957, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "gflops"), [((480, 360), 361), ((640, 640), 856)])
def test_pyramid_tokens_save_as_much_as_published(size: tuple[int, int], gflops: float) -> None:
    """The reference counts all 756 tokens; ours are 500, which saves another 0.1 %."""
    cost = count(head="apnb_tma", memory_length=4, frame_width=size[0], frame_height=size[1])

    assert cost.gflops == pytest.approx(gflops, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "size", "gflops"),
    [
        ("resnet18_v1c", (480, 360), 65.1),
        ("resnet18_v1c", (640, 640), 154.3),
        ("resnet50_v1c", (480, 360), 133.1),
        ("resnet50_v1c", (640, 640), 315.4),
    ],
)
def test_a_past_frame_costs_one_encoding(
    backbone: str, size: tuple[int, int], gflops: float
) -> None:
    """For a head whose slots cost little, going from memory 1 to 2 adds one encoding."""
    settings = {
        "backbone": backbone, "head": "cc_tma", "head_channels": 8, "attention_axes": "time",
        "frame_width": size[0], "frame_height": size[1],
    }  # fmt: skip

    cost = count(**settings, memory_length=2).gflops - count(**settings, memory_length=1).gflops

    assert cost == pytest.approx(gflops, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "millions"),
    [("psp", 12.86), ("danet", 9.79), ("ccnet", 9.77), ("ann", 4.21), ("nonlocal", 9.97)],
)
def test_image_heads_have_the_published_number_of_parameters(head: str, millions: float) -> None:
    """Published counts are for 12 classes; counting ANN's shared projection twice gives 4.34."""
    fcn = count(head="fcn", batch_size=2).parameters
    fcn_head = 512 * 512 * 9 + 2 * 512 + 512 * 11 + 11

    cost = count(head=head, batch_size=2).parameters - (fcn - fcn_head)

    assert cost / 1e6 == pytest.approx(millions, rel=0.005)


@pytest.mark.slow
def test_tma_head_grows_with_its_slots_unless_they_are_shared() -> None:
    separate = [count(head="tma", memory_length=t).parameters for t in (2, 4)]
    shared = [count(head="tma", memory_length=t, share_slots=True).parameters for t in (2, 4)]

    assert separate[1] - separate[0] == pytest.approx((6.33 - 4.74) * 1e6, rel=0.01)
    assert shared[0] == shared[1]


@pytest.mark.parametrize("head", catalog.HEADS)
def test_cost_of_every_head_can_be_counted(head: str) -> None:
    row = catalog.HEADS[head]
    memory = {"memory_length": 2 * row.uses_memory, "include_current_frame": row.uses_memory}

    cost = count(head=head, batch_size=2, **memory)

    assert cost.gflops > 65
    assert cost.parameters > 11e6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame", "windows"), [((640, 640), 1), ((960, 720), 4), ((960, 600), 2), ((480, 360), 1)]
)
def test_every_window_of_a_frame_is_counted(frame: tuple[int, int], windows: int) -> None:
    width, height = frame
    sliding = {"window": 640, "window_stride": 512}

    cost = count(head="tma", memory_length=1, frame_width=width, frame_height=height, **sliding)

    part = {"frame_width": min(width, 640), "frame_height": min(height, 640)}
    one_window = count(head="tma", memory_length=1, **part)
    assert cost.gflops == pytest.approx(windows * one_window.gflops)
    assert cost.parameters == one_window.parameters


@pytest.mark.slow
def test_counted_windows_are_the_predicted_ones() -> None:
    config = tiny(frame_width=80, frame_height=48, window=32, window_stride=24)
    clip = torch.zeros(1, 1, 3, 48, 80)

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        predict(build_model(config).eval(), config, clip, (48, 80))

    assert count_cost(config).gflops == pytest.approx(counter.get_total_flops() / 1e9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, {"precision": "bf16"}, {"head": "tma", "memory_length": 2}, {"optimizer": "sgd"}],
)
def test_estimated_training_memory_agrees_with_the_measured_one(settings: dict[str, Any]) -> None:
    """Both count tensors: of real training steps, and of steps on fake tensors."""
    config = tiny(**{"width": 16, "batch_size": 4, **settings})
    with PeakTensorMemory() as peak_memory:
        model = build_model(config)
        optimizer = build_optimizer(config, model)
        images = torch.randn(4, config.memory_length + 1, 3, 32, 48)
        labels = torch.zeros(4, 32, 48, dtype=torch.long)
        for _ in range(2):
            with autocast(config, torch.device("cpu")):
                outputs = model(images)
            loss = segmentation_loss(outputs, model.loss_weights, labels, None)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    estimated_bytes = estimate_training_memory(config)

    assert estimated_bytes == pytest.approx(peak_memory.peak_bytes, rel=0.05)


@pytest.mark.slow
def test_batch_and_teacher_take_memory() -> None:
    small, large = tiny(batch_size=2), tiny(batch_size=8)

    assert estimate_training_memory(large) > 1.5 * estimate_training_memory(small)
    assert estimate_training_memory(small, teacher=tiny(width=32)) > estimate_training_memory(small)


@pytest.mark.slow
def test_network_that_is_only_scored_costs_as_much_as_a_trained_one() -> None:
    """No file is needed, as the settings contain only the digest of the weights."""
    assert count_cost(tiny(steps=0, weights=f"sha256:{'0' * 64}")) == count_cost(tiny())
