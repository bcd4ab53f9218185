"""Two processes that train together on one device.

NCCL refuses two processes on one GPU. Gloo also accepts CUDA tensors and supports all collective
calls that training makes. The launcher's NCCL backend is tested with a single process.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from tests.device import DEVICE, device_suite_only
from tests.gpu.training import STEADY_SETTINGS, losses, run
from vss.training.inputs import Callbacks, Compute, TrialInputs
from vss.training.multi_gpu import Replica, run_replicas
from vss.trial_config import TrialConfig, parse_settings

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {**STEADY_SETTINGS, "class_weights": "median_frequency"}
if DEVICE.type == "cpu":
    SETTINGS["freeze_norm"] = True  # batch norms see the whole batch only on CUDA


def train_share(rank: int, store: str, config: TrialConfig, folder: Path, cache: Path) -> None:
    """Train as one of two processes."""
    device = torch.device("cuda", 0) if DEVICE.type == "cuda" else DEVICE
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    run(config, folder, cache, Replica(rank, 2, device))
    dist.destroy_process_group()


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=device_suite_only)])
def test_two_processes_have_the_losses_of_one_with_the_whole_batch(
    precision: str, tmp_path: Path, synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    config = parse_settings({**SETTINGS, "precision": precision})

    with tempfile.TemporaryDirectory() as store:
        arguments = (f"{store}/store", config, tmp_path / "two", synthetic_cache)
        torch.multiprocessing.spawn(train_share, arguments, nprocs=2)
    run(config, tmp_path / "one", synthetic_cache)

    expected = losses(tmp_path / "one", config)
    tolerance = {"fp32": 1e-3, "bf16": 5e-2}[precision]
    np.testing.assert_allclose(losses(tmp_path / "two", config), expected, rtol=tolerance)


def add_up(inputs: TrialInputs, callbacks: Callbacks, replica: Replica) -> tuple[str, float]:
    """Sum a tensor with the backend that the launcher chose."""
    total = torch.full((3,), 2.0, device=replica.device)
    dist.all_reduce(total)
    return dist.get_backend(), float(total.sum())


def test_launcher_starts_the_backend_of_the_device(tmp_path: Path) -> None:
    inputs = TrialInputs(
        parse_settings(STEADY_SETTINGS), tmp_path, tmp_path, compute=Compute(DEVICE.type)
    )

    backend, total = run_replicas(add_up, inputs, Callbacks())  # type: ignore[arg-type,misc]

    assert backend == {"cuda": "nccl", "cpu": "gloo"}[DEVICE.type]
    assert total == 6
