"""Several processes that train together, on the CPU."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import TINY, tiny
from tests.vss.training.test_loop import run
from vss.data.dataset import IGNORE_LABEL
from vss.errors import UserError
from vss.training.loop import Progress, TrialResult, train_on_gpus
from vss.training.losses import labelled_weight
from vss.training.multi_gpu import ALONE, Workers, run_together
from vss.trial.directory import TrialDirectory
from vss.trial_config import TrialConfig, parse_settings

STILL: dict[str, Any] = {
    **TINY, "freeze_norm": True, "dropout": 0.0, "batch_size": 4, "steps": 6, "optimizer": "sgd",
    "learning_rate": 1e-2, "class_weights": "median_frequency",
}  # fmt: skip


def together(
    config: TrialConfig, folder: Path, cache: Path, seen: list[Progress], **told: Any
) -> TrialResult | None:
    options = {"cache": cache, "threads": 1}
    return train_on_gpus(
        2, config, None, TrialDirectory(folder, config), options, seen.append,
        told.get("should_stop", lambda: False), device_type="cpu",
    )  # fmt: skip


def losses(folder: Path, config: TrialConfig) -> list[float]:
    lines = (folder / config.trial_id / "curves.csv").read_text().splitlines()
    return [float(line.split(",")[2]) for line in lines if line.startswith("train/loss")]


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_with_the_whole_batch(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings(STILL)
    seen: list[Progress] = []

    found = together(config, tmp_path / "two", synthetic_cache, seen)
    alone = run(config, tmp_path / "one", synthetic_cache)

    assert found is not None
    assert alone is not None
    np.testing.assert_allclose(
        losses(tmp_path / "two", config), losses(tmp_path / "one", config), rtol=1e-4
    )
    assert found.metrics["miou"] == pytest.approx(alone.metrics["miou"], abs=0.01)
    assert seen[-1].step == 6


@pytest.mark.slow
def test_a_stop_reaches_all_processes_and_training_goes_on_later(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings({**STILL, "steps": 40})
    seen: list[Progress] = []
    began = time.monotonic()

    stopped = together(
        config, tmp_path, synthetic_cache, seen,
        should_stop=lambda: bool(seen) and time.monotonic() - began > 1,
    )  # fmt: skip
    finished = together(config, tmp_path, synthetic_cache, seen)

    assert stopped is None
    assert finished is not None
    assert len(losses(tmp_path, config)) == 40


@pytest.mark.slow
def test_mistake_in_one_process_fails_the_training_with_its_words(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    with pytest.raises(UserError, match="batch_size of 3 cannot be shared by 2 GPUs"):
        together(tiny(batch_size=3), tmp_path, synthetic_cache, [])


def die(workers: Workers, device: torch.device, **told: Any) -> None:
    import os

    if workers.rank == 1:
        os._exit(9)
    time.sleep(60)


@pytest.mark.slow
def test_process_that_dies_fails_the_training() -> None:
    with pytest.raises(RuntimeError, match="died .exit code 9"):
        run_together(2, "cpu", die, (), lambda report: None, lambda: False)


def test_shares_make_up_the_batch() -> None:
    shares = [Workers(rank, 4).share(8) for rank in range(4)]

    assert [place for share in shares for place in range(8)[share]] == list(range(8))


def test_one_process_alone_changes_nothing() -> None:
    loss = torch.tensor(0.7)

    assert ALONE.weigh(loss, torch.tensor(5.0)) is loss
    assert ALONE.mean(loss) is loss
    assert ALONE.agree(True, torch.device("cpu"))


def test_weight_of_labels_is_what_a_mean_divides_by() -> None:
    labels = torch.tensor([[[0, 1, 1, IGNORE_LABEL]]])

    assert labelled_weight(labels, None) == 3
    assert labelled_weight(labels, torch.tensor([0.5, 2.0])) == 4.5
