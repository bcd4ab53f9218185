"""Whole networks: a stream against whole clips, and a training step against the published loop.

    python benchmarks/networks.py [--device cuda] [--threads 2] [--seconds 20]

ResNet-18, 512 head channels, memory 4; inference at batch 1 and `--frame-size`, a training step at
`--train-size`. The published loop encodes the frames of a clip one after the other, in PyTorch's
default memory layout. All rows of a table take turns in one process; times are medians.
"""

import argparse
import copy
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from vss.inference.streaming import Stream
from vss.models.backbones import Features
from vss.models.segmenter import VideoSegmenter, build_model
from vss.runtime.environment import describe_environment
from vss.training.losses import segmentation_loss
from vss.trial_config import TrialConfig, parse_settings


def config(head: str, precision: str = "fp32") -> TrialConfig:
    return parse_settings(
        {
            "dataset": "camvid", "frame_width": 480, "frame_height": 360,
            "backbone": "resnet18_v1c",
            "head": head, "memory_length": 4, "include_current_frame": False, "steps": 1,
            "batch_size": 1, "optimizer": "sgd", "learning_rate": 0.01, "precision": precision,
            "seed": 0,
        }
    )  # fmt: skip


def run_published_loop(model: VideoSegmenter, clip: Tensor) -> tuple[Tensor, ...]:
    """Encode one frame after the other, the current one first, as TMANet's code does."""
    current = Features(*model.backbone(clip[:, -1]))
    past = [model.backbone(frame) for frame in clip[:, :-1].unbind(dim=1)]
    memory = tuple(
        x.unflatten(0, (len(clip), -1))
        for x in model.remember(
            Features(
                *(torch.stack(stage, dim=1).flatten(0, 1) for stage in zip(*past, strict=True))
            )
        )
    )
    outputs = (model.head(current, memory),)
    return (*outputs, model.auxiliary(current)) if model.training else outputs  # type: ignore[misc]


def in_default_layout(model: VideoSegmenter) -> VideoSegmenter:
    """Return the same network in PyTorch's default memory layout."""
    return copy.deepcopy(model).to(memory_format=torch.contiguous_format)


def median_seconds(
    calls: dict[str, Callable[[], object]], seconds: float, cuda: bool
) -> dict[str, float]:
    """Return the median seconds of each call; they take turns, round by round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 3:
        for name, call in calls.items():
            if cuda:
                torch.cuda.synchronize()
            start = time.perf_counter()
            call()
            if cuda:
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(durations) for name, durations in times.items()}


def inference_calls(device: torch.device, size: tuple[int, int]) -> dict[str, Callable[[], object]]:
    clip = torch.randn(1, 5, 3, *size, device=device)
    calls: dict[str, Callable[[], object]] = {}
    for head in ("tma", "apnb_tma"):
        model = build_model(config(head)).to(device).eval()
        stream = Stream(model)
        for frame in clip.unbind(dim=1):
            stream.step(frame)
        if head == "tma":
            reference = in_default_layout(model)
            calls["tma, published loop"] = torch.inference_mode()(
                lambda m=reference: run_published_loop(m, clip)
            )
        calls[f"{head}, clip"] = torch.inference_mode()(lambda m=model: m(clip))
        calls[f"{head}, stream"] = lambda s=stream: s.step(clip[:, -1])
    return calls


def training_calls(
    device: torch.device, size: tuple[int, int], batch: int
) -> dict[str, Callable[[], object]]:
    clip = torch.randn(batch, 5, 3, *size, device=device)
    labels = torch.randint(0, 11, (batch, *size), device=device)

    def step(model: VideoSegmenter, forward: Callable[..., object], bf16: bool) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            outputs = forward(clip)
        model.zero_grad(set_to_none=True)
        segmentation_loss(outputs, model.loss_weights, labels, None).backward()  # type: ignore[arg-type]

    model = build_model(config("tma")).to(device).train()
    reference = in_default_layout(model)
    loop = lambda x: run_published_loop(reference, x)  # noqa: E731
    return {
        "published loop, fp32": lambda: step(reference, loop, bf16=False),
        "ours, fp32": lambda: step(model, model, bf16=False),
        "published loop, bf16": lambda: step(reference, loop, bf16=True),
        "ours, bf16": lambda: step(model, model, bf16=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="time per table (at least 3 rounds)"
    )
    parser.add_argument("--frame-size", type=int, nargs=2, default=(360, 480), help="inference")
    parser.add_argument("--train-size", type=int, nargs=2, default=(240, 320))
    parser.add_argument("--train-batch", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device(options.device)
    cuda = device.type == "cuda"
    facts = describe_environment(device, options.threads)
    print(f"{facts['device']}, threads: {options.threads}, PyTorch {torch.__version__}, ", end="")
    print(f"Python {platform.python_version()}\n")
    size = tuple(options.frame_size)
    medians = median_seconds(inference_calls(device, size), options.seconds, cuda)
    print(f"| inference, {size[0]}x{size[1]}, fp32 | ms | speed-up over its clip ", end="")
    print("| speed-up over TMA's published loop |\n|---|--:|--:|--:|")
    for name, seconds in medians.items():
        clip = medians[f"{name.split(',')[0]}, clip"]
        loop = medians["tma, published loop"]
        print(f"| {name} | {1e3 * seconds:.1f} | {clip / seconds:.2f} | {loop / seconds:.2f} |")
    size = tuple(options.train_size)
    calls = training_calls(device, size, options.train_batch)
    medians = median_seconds(calls, options.seconds, cuda)
    print(
        f"\n| training step of tma, {size[0]}x{size[1]}, batch {options.train_batch} | ms ", end=""
    )
    print("| speed-up over the published loop in fp32 |\n|---|--:|--:|")
    for name, seconds in medians.items():
        ratio = medians["published loop, fp32"] / seconds
        print(f"| {name} | {1e3 * seconds:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
