"""What each head of the paper's main table costs in training: the duration of a step.

    python benchmarks/training_steps.py [--device cuda] [--threads 2] [--crop 640] [--batch 2]
        [--rounds 3]

The networks of `experiments/paper/heads.yaml` and its image head train on random square
clips (without reading and augmenting, which `benchmarks/data.py` measures). In each of
three processes, one after the other, all networks take turns in random order, round by round;
ratios are paired by round, as those of a report's latency.
"""

import argparse
import multiprocessing
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path

import torch

from orchestrator.spec.file import load_spec
from reports.analysis.statistics import median_ratio
from vss.inference.windows import autocast
from vss.models.segmenter import build_model
from vss.runtime.clock import synchronise
from vss.runtime.environment import describe_environment
from vss.training.losses import segmentation_loss
from vss.training.optimization import build_optimizer
from vss.trial_config import TrialConfig

PAPER = Path(__file__).parent.parent / "experiments" / "paper"
PROCESSES = 3
IMAGE = "non-local, image"
# The claims about time compare these, the second with the first.
PAIRS = [
    ("TMANet", "APNB-TMANet"),
    ("APNB-TMANet", "Asym-TMANet"),
    ("criss-cross, 3-D", "criss-cross, separated"),
]


def load_configs(crop: int, batch: int) -> dict[str, TrialConfig]:
    """Return the trials of the paper's main table, with random weights."""
    cells = dict(load_spec(PAPER / "heads.yaml").cells)
    cells[IMAGE] = load_spec(PAPER / "image_models.yaml").cells[IMAGE]
    changes = {"weights": "none", "crop_width": crop, "crop_height": crop, "batch_size": batch}
    return {name: config.model_copy(update=changes) for name, config in cells.items()}


def training_step(config: TrialConfig, device: torch.device) -> Callable[[], None]:
    """Return a function that makes one step on the same clips, as the training loop does."""
    size = (config.crop_height, config.crop_width)
    clips = torch.randn(config.batch_size, config.memory_length + 1, 3, *size, device=device)
    labels = torch.randint(len(config.class_names), (config.batch_size, *size), device=device)
    model = build_model(config).to(device).train()
    optimizer = build_optimizer(config, model)

    def step() -> None:
        with autocast(config, device):
            outputs = model(clips)
        loss = segmentation_loss(outputs, model.loss_weights, labels, None)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def measure(options: argparse.Namespace, number: int) -> dict[str, list[float]]:
    """Time every network once a round, in this process, after one round of warm-up."""
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    steps = {
        name: training_step(c, device)
        for name, c in load_configs(options.crop, options.batch).items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    order, rng = list(steps), random.Random(number)
    for turn in range(1 + options.rounds):
        rng.shuffle(order)
        for name in order:
            synchronise(device)
            start = time.perf_counter()
            steps[name]()
            synchronise(device)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--crop", type=int, default=640, help="side in pixels; the recipe's")
    parser.add_argument("--batch", type=int, default=2, help="clips per step; the recipe has 8")
    parser.add_argument("--rounds", type=int, default=3, help="in each process")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    for number in range(PROCESSES):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            for name, times in pool.apply(measure, (options, number)).items():
                seconds.setdefault(name, []).extend(times)
    facts = describe_environment(torch.device(options.device), options.threads)
    config = load_configs(options.crop, options.batch)["TMANet"]
    print(f"{facts['device']}, threads: {options.threads}, PyTorch {torch.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {config.precision}\n")
    print(f"| training step, {config.crop_width}x{config.crop_height}, ", end="")
    print(f"batch {options.batch} | ms | ratio to TMANet (95 % interval) |\n|---|--:|--:|")
    for name, times in seconds.items():
        median = 1e3 * sorted(times)[len(times) // 2]
        print(f"| {name} | {median:.0f} | {describe_ratio(times, seconds['TMANet'])} |")
    print("\n| compared | ratio (95 % interval) |\n|---|--:|")
    for first, second in PAIRS:
        print(f"| {first} → {second} | {describe_ratio(seconds[second], seconds[first])} |")


def describe_ratio(times: list[float], others: list[float]) -> str:
    if times is others:
        return "1"
    ratio, low, high = median_ratio(times, others)
    return f"{ratio:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
