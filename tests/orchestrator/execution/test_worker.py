"""What a worker does with a job."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from orchestrator.execution import worker
from orchestrator.execution.job import Job, Outcome
from orchestrator.execution.worker import run_trial, threads_for
from orchestrator.settings import Settings
from orchestrator.tracking.tracker import Tracker
from tests.conftest import tiny

CONFIG = tiny()


def ignore(heartbeat: Mapping[str, Any]) -> None:
    pass


def test_job_is_trained_and_its_directory_left(job: Job, settings: Settings) -> None:
    heartbeats: list[Mapping[str, Any]] = []

    outcome = run_trial(job, heartbeats.append)

    assert outcome == Outcome("FINISHED")
    assert (settings.storage / job.trial_id / "result.json").exists()
    assert heartbeats[0] == {"step": 0, "loss": None, "miou": None, "run_id": None}


def test_tracked_job_is_logged_with_its_tags(job: Job, tracker: Tracker) -> None:
    tracked = dataclasses.replace(job, tracking_uri=tracker.uri)

    outcome = run_trial(tracked, ignore)

    assert outcome.run_id is not None
    run = MlflowClient(tracking_uri=tracker.uri).get_run(outcome.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "a, seed 0"
    assert run.data.tags["experiment/study"] == "a"
    assert run.data.tags["trial_id"] == job.trial_id
    assert run.data.tags["seed"] == "0"


def test_stop_file_ends_the_job_with_a_checkpoint(job: Job, settings: Settings) -> None:
    Path(job.stop_file).touch()

    outcome = run_trial(job, ignore)

    assert outcome.state == "CANCELLED"
    assert (settings.storage / job.trial_id / "resume.pt").exists()


def test_mistake_of_the_user_fails_with_its_message_and_no_retry(job: Job) -> None:
    other_data = dataclasses.replace(job, data_fingerprint="0" * 64)

    outcome = run_trial(other_data, ignore)

    assert (outcome.state, outcome.retry) == ("FAILED", False)
    assert "all machines must hold the same files" in str(outcome.message)
    assert "Traceback" in str(outcome.details)


def test_failure_is_written_to_the_run(job: Job, tracker: Tracker) -> None:
    other_data = dataclasses.replace(job, data_fingerprint="0" * 64, tracking_uri=tracker.uri)

    outcome = run_trial(other_data, ignore)

    run = MlflowClient(tracking_uri=tracker.uri).get_run(str(outcome.run_id))
    assert run.info.status == "FAILED"
    assert "all machines must hold the same files" in run.data.tags["error"]


@pytest.mark.parametrize(
    ("error", "retry", "said"),
    [
        (OSError("disk full"), True, "OSError: disk full"),
        (torch.OutOfMemoryError("too large"), True, "other processes hold the rest"),
        (KeyError("x"), False, "KeyError"),
    ],
)
def test_only_what_may_pass_is_tried_again(
    error: Exception, retry: bool, said: str, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(worker, "train", fail)

    outcome = run_trial(job, ignore)

    assert (outcome.state, outcome.retry) == ("FAILED", retry)
    assert said in str(outcome.message)


def test_tracking_out_of_reach_may_pass(job: Job, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database, but long enough to be taken for one" * 9)

    outcome = run_trial(
        dataclasses.replace(job, tracking_uri=f"sqlite:///{tmp_path / 'broken.db'}"), ignore
    )

    assert (outcome.state, outcome.retry) == ("FAILED", True)


def test_cuda_error_ends_the_process(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(worker, "train", fail)

    with pytest.raises(RuntimeError, match="CUDA error"):
        run_trial(job, ignore)


def test_older_attempt_ends_without_touching_anything(job: Job, settings: Settings) -> None:
    run_trial(dataclasses.replace(job, attempt=2), ignore)

    outcome = run_trial(job, ignore)

    assert outcome.state == "CANCELLED"
    assert "belongs to attempt 2" in str(outcome.message)


def test_job_with_a_gpu_where_there_is_none_says_so(job: Job) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")

    outcome = run_trial(dataclasses.replace(job, gpus=1.0), ignore)

    assert "was given 1 GPUs, but PyTorch sees none here" in str(outcome.message)


def test_threads_are_whole_cores_and_at_least_one() -> None:
    assert [threads_for(cpus) for cpus in (0.5, 1, 2.5)] == [1, 1, 2]
