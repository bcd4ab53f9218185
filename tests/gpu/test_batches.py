"""Batches on DEVICE, which equal those on the CPU even if read ahead through pinned memory."""

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

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
CASES: dict[str, dict[str, Any]] = {
    "plain": {"flip": False},
    "zoomed": {"scale_min": 0.5, "scale_max": 2.0},
    "cropped and coloured": {
        "scale_min": 0.5, "scale_max": 2.0, "crop_width": 32, "crop_height": 24,
        "crop_max_class_share": 0.9, "photometric": "per_frame",
    },
}  # fmt: skip


def make_batches(config: TrialConfig, cache: Path, device: torch.device) -> Batches:
    dataset = load_dataset(config, None)
    video = decode(dataset, config.frame_width, config.frame_height, cache)
    clips = list_clips(video.frames, "train", config.memory_length, config.frame_stride)
    return Batches(config, video, clips, device, slice(0, config.batch_size))


@pytest.mark.parametrize("case", CASES)
def test_batches_equal_those_of_the_cpu(case: str, synthetic_cache: Path) -> None:
    config = parse_settings({**TINY_MEMORY, "batch_size": 4, **CASES[case]})
    on_cpu, on_device = (make_batches(config, synthetic_cache, device) for device in (CPU, DEVICE))

    for step in range(4):
        expected_images, expected_labels = on_cpu.batch(step)
        images, labels = on_device.batch(step)

        assert images.device.type == labels.device.type == DEVICE.type
        torch.testing.assert_close(images.cpu(), expected_images, atol=2e-3, rtol=1e-3)
        # A pixel midway between two labels may get either.
        assert (labels.cpu() != expected_labels).float().mean() < 2e-3


def test_batch_read_ahead_equals_the_one_read_on_demand(synthetic_cache: Path) -> None:
    config = parse_settings({**TINY_MEMORY, **CASES["cropped and coloured"]})
    batches = make_batches(config, synthetic_cache, DEVICE)
    in_order = [batches.batch(step) for step in range(6)]

    for step in (5, 2, 0):
        images, labels = make_batches(config, synthetic_cache, DEVICE).batch(step)

        assert torch.equal(images, in_order[step][0])
        assert torch.equal(labels, in_order[step][1])


def test_copies_from_pinned_memory_are_not_overtaken(synthetic_cache: Path) -> None:
    """Copies overlap with computation, so a buffer that is freed too early would corrupt pixels."""
    config = parse_settings({**TINY_MEMORY, "flip": False})
    batches = make_batches(config, synthetic_cache, DEVICE)
    busy = torch.randn(1024, 1024, device=DEVICE)

    all_images = []
    for step in range(20):
        busy = (busy @ busy).clamp(-1, 1)
        all_images.append(batches.batch(step)[0])

    expected = make_batches(config, synthetic_cache, CPU)
    for step, images in enumerate(all_images):
        torch.testing.assert_close(images.cpu(), expected.batch(step)[0], atol=2e-3, rtol=1e-3)
