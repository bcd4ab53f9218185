"""Batches on DEVICE: those of the CPU, and the next one read ahead from pinned memory."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import TINY_MEMORY
from tests.device import DEVICE
from vss.data.batches import Batches
from vss.data.cache import decode
from vss.data.clips import list_clips
from vss.data.dataset import load_dataset
from vss.trial_config import TrialConfig, parse_settings

CPU = torch.device("cpu")
CASES: dict[str, dict[str, Any]] = {
    "plain": {"flip": False},
    "zoomed": {"scale_min": 0.5, "scale_max": 2.0},
    "cropped and coloured": {
        "scale_min": 0.5, "scale_max": 2.0, "crop_width": 32, "crop_height": 24,
        "crop_max_class_share": 0.9, "photometric": "per_frame",
    },
}  # fmt: skip


def batches(config: TrialConfig, cache: Path, device: torch.device) -> Batches:
    dataset = load_dataset(config, None)
    video = decode(dataset, config.frame_width, config.frame_height, cache)
    clips = list_clips(video.frames, "train", config.memory_length, config.frame_stride)
    return Batches(config, video, clips, device, slice(0, config.batch_size))


@pytest.mark.parametrize("case", CASES)
def test_they_are_those_of_the_cpu(case: str, synthetic_cache: Path) -> None:
    config = parse_settings({**TINY_MEMORY, "batch_size": 4, **CASES[case]})
    on_cpu, on_device = (batches(config, synthetic_cache, device) for device in (CPU, DEVICE))

    for step in range(4):
        expected_images, expected_labels = on_cpu.batch(step)
        images, labels = on_device.batch(step)

        assert images.device.type == labels.device.type == DEVICE.type
        torch.testing.assert_close(images.cpu(), expected_images, atol=2e-3, rtol=1e-3)
        # A pixel midway between two labels may go to either.
        assert (labels.cpu() != expected_labels).float().mean() < 2e-3


def test_a_batch_read_ahead_is_the_one_read_on_demand(synthetic_cache: Path) -> None:
    config = parse_settings({**TINY_MEMORY, **CASES["cropped and coloured"]})
    in_order = batches(config, synthetic_cache, DEVICE)
    ahead = [in_order.batch(step) for step in range(6)]

    for step in (5, 2, 0):
        images, labels = batches(config, synthetic_cache, DEVICE).batch(step)

        assert torch.equal(images, ahead[step][0])
        assert torch.equal(labels, ahead[step][1])


def test_copies_from_pinned_memory_are_not_overtaken(synthetic_cache: Path) -> None:
    """Copies overlap with computation: a buffer that is freed too early would corrupt the
    pixels."""
    config = parse_settings({**TINY_MEMORY, "flip": False})
    source = batches(config, synthetic_cache, DEVICE)
    busy = torch.randn(1024, 1024, device=DEVICE)

    kept = []
    for step in range(20):
        busy = (busy @ busy).clamp(-1, 1)
        kept.append(source.batch(step)[0])

    expected = batches(config, synthetic_cache, CPU)
    for step, images in enumerate(kept):
        torch.testing.assert_close(images.cpu(), expected.batch(step)[0], atol=2e-3, rtol=1e-3)
