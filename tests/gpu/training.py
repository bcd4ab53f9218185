"""Short training runs on any device, and the values that tests compare."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.conftest import TINY_MEMORY
from tests.device import DEVICE
from vss.training.inputs import Callbacks, TrialInputs, TrialResult
from vss.training.loop import train
from vss.training.multi_gpu import Replica
from vss.trial_config import TrialConfig

# No random numbers on the device, and steps proportional to the gradient.
STEADY_SETTINGS: dict[str, Any] = {
    **TINY_MEMORY, "dropout": 0.0, "steps": 6, "batch_size": 4, "optimizer": "sgd",
    "learning_rate": 1e-2,
}  # fmt: skip


def run(
    config: TrialConfig,
    folder: Path,
    cache: Path,
    replica: Replica | None = None,
    **options: Any,
) -> TrialResult | None:
    """Train a trial on synthetic data; `options` are callbacks and further inputs."""
    callbacks = {name: options.pop(name) for name in ("report", "should_stop") if name in options}
    inputs = TrialInputs(config, folder, cache, **options)
    return train(inputs, Callbacks(**callbacks), replica or Replica(device=DEVICE))


def losses(folder: Path, config: TrialConfig) -> list[float]:
    """Return the loss of every step."""
    lines = (folder / config.trial_id / "curves.csv").read_text().splitlines()
    return [float(line.split(",")[2]) for line in lines if line.startswith("train/loss")]


def weights(folder: Path, config: TrialConfig) -> torch.Tensor:
    """Return all weights as one vector."""
    state = load_file(folder / config.trial_id / "weights.safetensors")
    return torch.cat([state[name].flatten().double() for name in sorted(state)])
