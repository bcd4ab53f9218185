"""What a worker does with a job."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from orchestrator.execution.job import Failure, Heartbeat, Job, Outcome
from orchestrator.execution.worker import run_job
from orchestrator.settings import Settings
from orchestrator.tracking.tracker import Tracker
from tests.conftest import tiny
from tests.orchestrator.conftest import tracked, with_inputs
from vss.training.inputs import Compute
from vss.trial import run

CONFIG = tiny()


def ignore(heartbeat: Heartbeat) -> None:
    pass


def never() -> bool:
    return False


@pytest.mark.slow
def test_job_is_trained_and_leaves_its_directory(job: Job, settings: Settings) -> None:
    heartbeats: list[Heartbeat] = []

    outcome = run_job(job, heartbeats.append, never)

    result = json.loads((settings.storage.folder / job.trial_id / "result.json").read_text())
    assert outcome == Outcome("FINISHED", score=result["metrics"]["miou"])
    assert heartbeats[0] == Heartbeat(step=0)


@pytest.mark.slow
def test_tracked_job_is_logged_with_its_tags(
    job: Job, tracker: Tracker, settings: Settings
) -> None:
    outcome = run_job(tracked(job, tracker.uri, settings), ignore, never)

    assert outcome.run_id is not None
    mlflow_run = MlflowClient(tracking_uri=tracker.uri).get_run(outcome.run_id)
    assert mlflow_run.info.status == "FINISHED"
    assert mlflow_run.info.run_name == "a, seed 0"
    assert mlflow_run.data.tags["experiment/study"] == "a"
    assert mlflow_run.data.tags["trial_id"] == job.trial_id
    assert mlflow_run.data.tags["seed"] == "0"


def test_request_to_stop_ends_the_job_with_a_checkpoint(job: Job, settings: Settings) -> None:
    outcome = run_job(job, ignore, lambda: True)

    assert outcome.state == "CANCELLED"
    assert (settings.storage.folder / job.trial_id / "resume.pt").exists()


def test_user_error_fails_with_its_message_and_no_retry(job: Job) -> None:
    other_data = with_inputs(job, data_fingerprint="0" * 64)

    outcome = run_job(other_data, ignore, never)

    assert (outcome.state, outcome.failure) == ("FAILED", Failure.FINAL)
    assert "all machines must have the same files" in str(outcome.message)
    assert "Traceback" in str(outcome.details)


def test_failure_is_written_to_the_run(job: Job, tracker: Tracker, settings: Settings) -> None:
    other_data = with_inputs(job, data_fingerprint="0" * 64)

    outcome = run_job(tracked(other_data, tracker.uri, settings), ignore, never)

    mlflow_run = MlflowClient(tracking_uri=tracker.uri).get_run(str(outcome.run_id))
    assert mlflow_run.info.status == "FAILED"
    assert "all machines must have the same files" in mlflow_run.data.tags["error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "failure", "message"),
    [
        (OSError("disk full"), Failure.TRANSIENT, "OSError: disk full"),
        (
            torch.OutOfMemoryError("too large"),
            Failure.OUT_OF_MEMORY,
            "other processes use the rest",
        ),
        (KeyError("x"), Failure.FINAL, "KeyError"),
    ],
)
def test_only_transient_errors_are_retried(
    error: Exception, failure: Failure, message: str, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(run, "train", fail)

    outcome = run_job(job, ignore, never)

    assert (outcome.state, outcome.failure) == ("FAILED", failure)
    assert message in str(outcome.message)


def test_unreachable_tracking_store_is_retried(
    job: Job, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database, but long enough to look like one" * 9)

    outcome = run_job(tracked(job, f"sqlite:///{tmp_path / 'broken.db'}", settings), ignore, never)

    assert (outcome.state, outcome.failure) == ("FAILED", Failure.TRANSIENT)


def test_cuda_error_ends_the_process(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(run, "train", fail)

    with pytest.raises(RuntimeError, match="CUDA error"):
        run_job(job, ignore, never)


@pytest.mark.slow
def test_older_attempt_ends_without_touching_anything(job: Job, settings: Settings) -> None:
    run_job(with_inputs(job, attempt=2), ignore, never)

    outcome = run_job(job, ignore, never)

    assert outcome.state == "CANCELLED"
    assert "belongs to attempt 2" in str(outcome.message)


@pytest.mark.slow
def test_overtaken_attempt_writes_no_more_points(
    job: Job, tracker: Tracker, settings: Settings
) -> None:
    """A driver that was silent for too long may have been replaced while its workers train on."""
    config = tiny(steps=40, eval_every=1)
    directory = settings.storage.folder / config.trial_id

    def begin_another_attempt(heartbeat: Heartbeat) -> None:
        (directory / "attempt.1").write_text("2")
        (directory / "attempt.1").replace(directory / "attempt")

    overtaken = tracked(with_inputs(job, config=config), tracker.uri, settings)
    outcome = run_job(overtaken, begin_another_attempt, never)

    run_id = tracker.find_run_id(config.trial_id)
    assert outcome.state == "CANCELLED"
    assert "a newer attempt" in str(outcome.message)
    assert run_id is not None
    assert "train/loss" not in MlflowClient(tracking_uri=tracker.uri).get_run(run_id).data.metrics


@pytest.mark.slow
def test_curves_of_an_attempt_that_was_lost_with_its_points_are_logged_by_the_next_one(
    job: Job, tracker: Tracker, settings: Settings
) -> None:
    """As after a cut link: trained to the end without MLflow, and then lost."""
    evaluated = with_inputs(job, config=tiny(eval_every=2))
    run_job(evaluated, ignore, never)

    next_attempt = with_inputs(evaluated, attempt=2)
    outcome = run_job(tracked(next_attempt, tracker.uri, settings), ignore, never)

    client = MlflowClient(tracking_uri=tracker.uri)
    history = client.get_metric_history(str(outcome.run_id), "val/miou")
    assert outcome.state == "FINISHED"
    assert [point.step for point in history] == [2, 4]


def test_job_with_a_gpu_on_a_machine_without_one_says_so(job: Job) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")

    outcome = run_job(with_inputs(job, compute=Compute("cuda")), ignore, never)

    assert "the trial needs 1 GPU(s), but PyTorch sees 0" in str(outcome.message)
