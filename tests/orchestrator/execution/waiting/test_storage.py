"""A worker whose storage is full or missing for a while."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution.job import Heartbeat, Job
from orchestrator.execution.waiting import storage
from orchestrator.execution.worker import run_job
from orchestrator.settings import Settings
from tests.conftest import tiny
from tests.orchestrator.conftest import with_inputs
from vss import trial_directory


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(storage, "_POLL_SECONDS", 0.01)


class FullDisk:
    """A disk that has no room for some files the first times, and then for all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, failures: int) -> None:
        self.failures = failures
        replace = trial_directory._replace

        def write(path: Path, write: Any) -> None:
            if path.name.startswith(name) and self.failures > 0:
                self.failures -= 1
                raise OSError(errno.ENOSPC, "No space left on device")
            replace(path, write)

        monkeypatch.setattr(trial_directory, "_replace", write)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attempt", "resume.pt", "weights.safetensors", "result.json"])
def test_full_disk_is_a_pause(job: Job, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    disk = FullDisk(monkeypatch, name, failures=3)
    heartbeats: list[Heartbeat] = []

    outcome = run_job(job, heartbeats.append, lambda: False)

    assert (outcome.state, disk.failures) == ("FINISHED", 0)
    waits = [str(beat.waiting_for) for beat in heartbeats if beat.waiting_for]
    assert all("(no space left on device)" in wait for wait in waits)
    assert bool(waits) == (name != "attempt")  # before the first progress, nothing is reported
    assert heartbeats[-1].waiting_for is None


@pytest.mark.slow
def test_training_goes_on_without_checkpoints(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk(monkeypatch, "resume.pt", failures=4)
    steps: list[int] = []

    def report(heartbeat: Heartbeat) -> None:
        if disk.failures:
            steps.append(heartbeat.step)

    often = with_inputs(job, config=tiny(eval_every=1), checkpoint_seconds=0.0)
    run_job(often, report, lambda: False)

    assert max(steps) >= 3


@pytest.mark.slow
def test_missing_storage_is_waited_for_and_not_made(job: Job, settings: Settings) -> None:
    settings.storage.folder.rmdir()
    timer = threading.Timer(0.5, settings.storage.folder.mkdir)
    timer.start()

    outcome = run_job(job, lambda heartbeat: None, lambda: False)

    assert outcome.state == "FINISHED"


def test_stop_request_ends_the_wait_for_the_storage(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(monkeypatch, "resume.pt", failures=10**6)
    stop = threading.Event()

    def report(heartbeat: Heartbeat) -> None:
        if heartbeat.waiting_for:
            stop.set()

    assert run_job(job, report, stop.is_set).state == "CANCELLED"
