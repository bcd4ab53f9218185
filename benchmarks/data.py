"""The cost of loading data in training: `python benchmarks/data.py [--device cuda]`.

The table lists the times to read a batch from the decoded cache, to read and augment it, and to run
the whole step, and the share of the step that loading takes. On CUDA the next batch is read while
the device works; `wait` is the time that a step waits for its batch (on a CPU, for reading it).
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vss.data.batches import Batches
from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.dataset import Frame
from vss.data.tensors import read_clips
from vss.inference.windows import autocast
from vss.models.segmenter import build_model
from vss.runtime.clock import synchronise
from vss.runtime.environment import device_name
from vss.training.losses import segmentation_loss
from vss.training.optimization import build_optimizer
from vss.trial_config import TrialConfig, parse_settings

BASE: dict[str, Any] = {
    "dataset": "camvid", "backbone": "resnet18", "include_current_frame": False, "steps": 100,
    "batch_size": 8, "optimizer": "sgd", "learning_rate": 0.01, "scale_min": 0.5, "scale_max": 2.0,
    "precision": "bf16", "seed": 0, "width": 32, "head_channels": 128, "auxiliary_channels": 64,
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "fcn, 160x120": {"head": "fcn", "memory_length": 0, "frame_width": 160, "frame_height": 120},
    "fcn, 160x120, photometric": {
        "head": "fcn", "memory_length": 0, "frame_width": 160, "frame_height": 120,
        "photometric": "per_frame",
    },
    "tma, memory 2, 160x120": {
        "head": "tma", "memory_length": 2, "frame_width": 160, "frame_height": 120
    },
    "tma, memory 2, 240x180, crop 160, photometric": {
        "head": "tma", "memory_length": 2, "frame_width": 240, "frame_height": 180,
        "crop_width": 160, "crop_height": 160, "crop_max_class_share": 0.75,
        "photometric": "per_frame",
    },
}  # fmt: skip


def main() -> None:
    """Measure every case and print its row."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    print(
        f"{today}, {device_name(device)}, threads: {options.threads}, PyTorch {torch.__version__}, "
    )
    print(f"Python {platform.python_version()}, batch 8, bf16, medians of {options.steps} steps\n")
    print("| case | read, ms | read and augment, ms | step, ms | share | wait, ms |")
    print("|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, settings in CASES.items():
            config = parse_settings({**BASE, **settings})
            times = _measure(config, _video(config, Path(folder)), device, options.steps)
            read_ms, augment_ms, step_ms, wait_ms = (f"{1000 * seconds:.1f}" for seconds in times)
            share = times[1] / times[2]
            print(f"| {name} | {read_ms} | {augment_ms} | {step_ms} | {share:.1%} | {wait_ms} |")


def _measure(
    config: TrialConfig, video: DecodedVideo, device: torch.device, steps: int
) -> tuple[float, float, float, float]:
    length = config.memory_length
    clips = [Clip(i, tuple(range(i - length, i))) for i in range(length, len(video.frames))]
    batches = Batches(config, video, clips, device, slice(0, config.batch_size))
    model = build_model(config).to(device)
    optimizer = build_optimizer(config, model)

    waits: list[float] = []

    def step(number: int) -> None:
        prefetched, start = batches._prefetched.get(number), time.perf_counter()
        if prefetched is not None:
            prefetched.result()
            waits.append(time.perf_counter() - start)
        images, labels = batches.batch(number)
        with autocast(config, device):
            outputs = model(images)
        loss = segmentation_loss(outputs, model.loss_weights, labels, None)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    rng = np.random.default_rng(0)
    samples = [[clips[i] for i in rng.integers(len(clips), size=8)] for _ in range(steps + 2)]
    read_seconds = _median(lambda n: read_clips(video, samples[n]), steps, device)
    # Step numbers far apart, so that no batch has been read ahead.
    augment_seconds = _median(lambda n: batches.batch(1000 * n), steps, device)
    step_seconds = _median(step, steps, device)
    wait_seconds = float(np.median(waits)) if waits else read_seconds
    return read_seconds, augment_seconds, step_seconds, wait_seconds


def _median(run: Callable[[int], object], steps: int, device: torch.device) -> float:
    durations = []
    for number in range(steps + 2):
        synchronise(device)
        start = time.perf_counter()
        run(number)
        synchronise(device)
        durations.append(time.perf_counter() - start)
    return float(np.median(durations[2:]))


def _video(config: TrialConfig, folder: Path) -> DecodedVideo:
    """Return a cache of 200 frames like CamVid's, memory-mapped as in training."""
    size = (config.frame_height, config.frame_width)
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (200, *size, 3))
    images[:] = rng.integers(0, 256, images.shape, dtype=np.uint8)
    labels = rng.integers(0, 11, (200, 360, 480), dtype=np.uint8)
    frames = tuple(Frame("train", "s", number, "i", "l") for number in range(200))
    return DecodedVideo(frames, images, labels, np.arange(200))


if __name__ == "__main__":
    main()
