"""Several processes that train together, on the CPU."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import TINY, tiny
from tests.vss.training.test_loop import run
from vss.data.dataset import IGNORE_LABEL
from vss.errors import UserError
from vss.training.inputs import Callbacks, Compute, Progress, TrialInputs, TrialResult
from vss.training.losses import labelled_weight
from vss.training.multi_gpu import SINGLE_PROCESS, Replica, run_replicas
from vss.trial.run import run_trial
from vss.trial_config import TrialConfig, parse_settings

DETERMINISTIC_SETTINGS: dict[str, Any] = {
    **TINY, "freeze_norm": True, "dropout": 0.0, "batch_size": 4, "steps": 6, "optimizer": "sgd",
    "learning_rate": 1e-2, "class_weights": "median_frequency",
}  # fmt: skip


def train_together(
    config: TrialConfig,
    folder: Path,
    cache: Path,
    reports: list[Progress],
    should_stop: Callable[[], bool] = lambda: False,
) -> TrialResult | None:
    inputs = TrialInputs(config, folder, cache, compute=Compute("cpu", processes=2))
    return run_trial(inputs, Callbacks(reports.append, should_stop))


def losses(folder: Path, config: TrialConfig) -> list[float]:
    lines = (folder / config.trial_id / "curves.csv").read_text().splitlines()
    return [float(line.split(",")[2]) for line in lines if line.startswith("train/loss")]


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_with_the_whole_batch(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings(DETERMINISTIC_SETTINGS)
    reports: list[Progress] = []

    result = train_together(config, tmp_path / "two", synthetic_cache, reports)
    single_result = run(config, tmp_path / "one", synthetic_cache)

    assert result is not None
    assert single_result is not None
    np.testing.assert_allclose(
        losses(tmp_path / "two", config), losses(tmp_path / "one", config), rtol=1e-4
    )
    assert result.metrics["miou"] == pytest.approx(single_result.metrics["miou"], abs=0.01)
    assert reports[-1].step == 6


@pytest.mark.slow
def test_stop_reaches_all_processes_and_training_resumes_later(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings({**DETERMINISTIC_SETTINGS, "steps": 40})
    reports: list[Progress] = []
    start = time.monotonic()

    stopped = train_together(
        config, tmp_path, synthetic_cache, reports,
        should_stop=lambda: bool(reports) and time.monotonic() - start > 1,
    )  # fmt: skip
    finished = train_together(config, tmp_path, synthetic_cache, reports)

    assert stopped is None
    assert finished is not None
    assert len(losses(tmp_path, config)) == 40


@pytest.mark.slow
def test_user_error_in_one_process_fails_the_run_with_its_message(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    with pytest.raises(UserError, match="batch_size of 3 cannot be divided among 2 GPUs"):
        train_together(tiny(batch_size=3), tmp_path, synthetic_cache, [])


def exit_abruptly(inputs: TrialInputs, callbacks: Callbacks, replica: Replica) -> None:
    if replica.rank == 1:
        os._exit(9)
    time.sleep(60)


@pytest.mark.slow
def test_process_that_dies_fails_the_run(tmp_path: Path) -> None:
    inputs = TrialInputs(tiny(), tmp_path, tmp_path, compute=Compute("cpu", processes=2))

    with pytest.raises(RuntimeError, match="died .exit code 9"):
        run_replicas(exit_abruptly, inputs, Callbacks())


def test_shares_make_up_the_batch() -> None:
    shares = [Replica(rank, 4).share(8) for rank in range(4)]

    assert [index for share in shares for index in range(8)[share]] == list(range(8))


def test_single_process_changes_nothing() -> None:
    loss = torch.tensor(0.7)

    assert SINGLE_PROCESS.weigh(loss, torch.tensor(5.0)) is loss
    assert SINGLE_PROCESS.mean(loss) is loss
    assert SINGLE_PROCESS.agree(True)


def test_weight_of_labels_is_the_divisor_of_a_mean() -> None:
    labels = torch.tensor([[[0, 1, 1, IGNORE_LABEL]]])

    assert labelled_weight(labels, None) == 3
    assert labelled_weight(labels, torch.tensor([0.5, 2.0])) == 4.5
