"""The trial runner."""

from pathlib import Path

import pytest
import torch

from tests.conftest import tiny
from vss.errors import UserError
from vss.training.inputs import Callbacks, Compute, TrialInputs, TrialResult
from vss.training.multi_gpu import Replica
from vss.trial import run
from vss.trial.run import run_trial


@pytest.mark.slow
def test_finished_trial_returns_the_same_result_again(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    inputs = TrialInputs(tiny(), tmp_path, synthetic_cache)

    first, second = run_trial(inputs), run_trial(inputs)

    assert first is not None
    assert first == second


def test_data_with_a_different_fingerprint_is_refused(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    inputs = TrialInputs(tiny(), tmp_path, synthetic_cache, data_fingerprint="0" * 64)

    with pytest.raises(UserError, match="all machines must have the same files"):
        run_trial(inputs)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_missing_gpus_are_counted(tmp_path: Path) -> None:
    inputs = TrialInputs(tiny(), tmp_path, tmp_path, compute=Compute("cuda", processes=2))

    with pytest.raises(UserError, match=r"needs 2 GPU\(s\), but PyTorch sees 0"):
        run_trial(inputs)


def test_several_processes_train_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def train_together(
        work: object, inputs: TrialInputs, callbacks: Callbacks
    ) -> TrialResult | None:
        calls.append(inputs.compute.processes)
        return None

    monkeypatch.setattr(run, "run_replicas", train_together)

    run_trial(TrialInputs(tiny(), tmp_path, tmp_path, compute=Compute(processes=2)))

    assert calls == [2]


@pytest.mark.slow
def test_batch_that_does_not_fit_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(inputs: TrialInputs, callbacks: Callbacks, replica: Replica) -> TrialResult | None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(run, "train", fail)

    with pytest.raises(UserError, match="out of memory: a batch_size of 2 needs about"):
        run_trial(TrialInputs(tiny(), tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("cpus", "gpus", "compute"),
    [
        (0.5, 0.0, Compute("cpu", 1, 1)),
        (2.5, 0.0, Compute("cpu", 1, 2)),
        (1.0, 0.5, Compute("cuda", 1, 1)),
        (4.0, 2.0, Compute("cuda", 2, 4)),
    ],
)
def test_resources_become_whole_processes_and_threads(
    cpus: float, gpus: float, compute: Compute
) -> None:
    assert Compute.from_resources(cpus, gpus) == compute
