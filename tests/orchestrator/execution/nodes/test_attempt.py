"""Attempts whose storage is not a folder."""

import errno
import json
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution.job import Job
from orchestrator.execution.nodes import upload as upload_module
from orchestrator.execution.nodes.attempt import open_attempt
from orchestrator.execution.waiting.reporter import Reporter
from orchestrator.execution.waiting.storage import StoragePatience
from orchestrator.execution.worker import run_job
from orchestrator.settings import Settings, cache_folder
from orchestrator.storage import RESULT, Storage
from tests.conftest import tiny
from tests.orchestrator.conftest import with_inputs
from tests.orchestrator.execution.test_worker import ignore, never
from vss.trial_directory import StaleAttemptError


@pytest.fixture
def storage() -> Storage:
    return Storage(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def remote_job(job: Job, storage: Storage) -> Job:
    return with_storage(job, storage)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_module, "_PAUSE_SECONDS", 0.05)


def with_storage(job: Job, storage: Storage | None) -> Job:
    return replace(job, storage=storage)


def stop_after(seconds: float = 0.0) -> Any:
    """Return a function that says to stop after some time, but not before the second step."""
    answers = iter([False, False])
    start = time.monotonic()
    return lambda: next(answers, time.monotonic() - start > seconds)


def read(storage: Storage, trial_id: str, tmp_path: Path) -> dict[str, bytes]:
    """Return the weights and metrics of a trial in a storage."""
    names = ("weights.safetensors", RESULT)
    folder = storage.fetch(trial_id, tmp_path / uuid.uuid4().hex, *names)
    metrics = json.dumps(json.loads((folder / RESULT).read_text())["metrics"])
    return {"weights": (folder / names[0]).read_bytes(), "metrics": metrics.encode()}


@pytest.mark.slow
def test_finished_attempt_is_in_the_storage_and_nowhere_else(
    remote_job: Job, storage: Storage
) -> None:
    outcome = run_job(remote_job, ignore, never)

    names = set(storage.list_files(remote_job.trial_id))
    assert outcome.state == "FINISHED"
    assert {"1/result.json", "1/weights.safetensors", "1/log-1.txt", "1/frames.npz"} <= names
    assert not {"1/resume.pt", "1/resume.previous.pt"} & names
    assert list((cache_folder() / "attempts").iterdir()) == []


@pytest.mark.slow
def test_stopped_attempt_is_resumed_to_the_same_bits_elsewhere(
    remote_job: Job, storage: Storage, tmp_path: Path, settings: Settings, job: Job
) -> None:
    long = with_inputs(remote_job, config=tiny(steps=8))
    stopped = run_job(long, ignore, stop_after())
    heartbeats: list[Any] = []

    finished = run_job(with_inputs(long, attempt=2), heartbeats.append, never)
    run_job(with_storage(long, settings.storage), ignore, never)

    assert (stopped.state, finished.state) == ("CANCELLED", "FINISHED")
    assert heartbeats[0].step == 2
    whole, resumed = (read(s, long.trial_id, tmp_path) for s in (settings.storage, storage))
    assert resumed == whole
    stored = storage.list_files(long.trial_id)
    assert "1/log-1.txt" in stored  # the log of an earlier attempt stays, its checkpoint goes
    assert "1/resume.pt" not in stored


@pytest.mark.slow
def test_finished_trial_is_not_trained_again(remote_job: Job, storage: Storage) -> None:
    run_job(remote_job, ignore, never)
    heartbeats: list[Any] = []

    outcome = run_job(with_inputs(remote_job, attempt=2), heartbeats.append, never)

    assert (outcome.state, [beat.step for beat in heartbeats]) == ("FINISHED", [4])
    assert "1/result.json" in storage.list_files(remote_job.trial_id)


@pytest.mark.slow
def test_older_attempt_does_not_begin(remote_job: Job) -> None:
    run_job(with_inputs(remote_job, attempt=2), ignore, never)

    outcome = run_job(remote_job, ignore, never)

    assert (outcome.state, outcome.message) == (
        "CANCELLED",
        f"trial {remote_job.trial_id} belongs to attempt 2: attempt 1 may not begin",
    )


@pytest.mark.slow
def test_orphan_ends_and_overwrites_nothing(
    remote_job: Job, storage: Storage, tmp_path: Path
) -> None:
    """The first attempt trains on although its node has been given up."""
    long = with_inputs(remote_job, config=tiny(steps=100_000), checkpoint_seconds=0.0)
    outcomes: list[Any] = []
    orphan = threading.Thread(target=lambda: outcomes.append(run_job(long, ignore, never)))
    orphan.start()
    wait_for(lambda: "1/resume.pt" in storage.list_files(long.trial_id))

    (tmp_path / "attempt").write_text("2")
    storage.upload(tmp_path / "attempt", f"{long.trial_id}/2/attempt")
    orphan.join(timeout=60)

    assert outcomes[0].state == "CANCELLED"
    assert "belongs to attempt 2: attempt 1 may no longer write to it" in outcomes[0].message
    assert "2/attempt" in storage.list_files(long.trial_id)


@pytest.mark.slow
def test_slow_storage_holds_no_step(remote_job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that ends only when twenty more steps have been made."""
    release, began = threading.Event(), threading.Event()
    waits: list[bool] = []
    steps_meanwhile: list[int] = []
    upload = Storage.upload

    def upload_slowly(self: Storage, source: Path, key: str) -> None:
        if key.endswith("resume.pt") and not began.is_set():
            began.set()
            waits.append(release.wait(60))
        upload(self, source, key)

    def should_stop() -> bool:
        if began.is_set():
            steps_meanwhile.append(1)
        if len(steps_meanwhile) > 20:
            release.set()
        return len(steps_meanwhile) > 20

    monkeypatch.setattr(Storage, "upload", upload_slowly)
    long = with_inputs(remote_job, config=tiny(steps=100_000), checkpoint_seconds=0.0)

    assert run_job(long, ignore, should_stop).state == "CANCELLED"

    assert waits == [True]


@pytest.mark.slow
def test_outage_of_the_storage_is_waited_for(
    remote_job: Job, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, failures = Storage.upload, iter(range(6))

    def fail_at_first(self: Storage, source: Path, key: str) -> None:
        if not key.endswith("/attempt") and next(failures, None) is not None:
            raise ConnectionError("no answer")
        upload(self, source, key)

    monkeypatch.setattr(Storage, "upload", fail_at_first)

    outcome = run_job(remote_job, ignore, never)

    assert outcome.state == "FINISHED"
    assert "1/result.json" in storage.list_files(remote_job.trial_id)


@pytest.mark.slow
def test_attempt_waits_for_a_storage_that_does_not_answer_yet(
    remote_job: Job, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_files, failures = Storage.list_files, iter(range(2))

    def fail_at_first(self: Storage, trial_id: str) -> Any:
        if next(failures, None) is not None:
            raise ConnectionError(errno.EHOSTUNREACH, "no answer")
        return list_files(self, trial_id)

    monkeypatch.setattr(Storage, "list_files", fail_at_first)
    monkeypatch.setattr("orchestrator.execution.waiting.storage.RETRY_SECONDS", 0.05)

    assert run_job(remote_job, ignore, never).state == "FINISHED"


def test_failed_attempt_leaves_its_log(remote_job: Job, storage: Storage) -> None:
    outcome = run_job(with_inputs(remote_job, data_fingerprint="0" * 64), ignore, never)

    assert outcome.state == "FAILED"
    assert storage.find_trials() == [remote_job.trial_id]


@pytest.mark.slow
def test_student_gets_the_weights_of_its_teacher(remote_job: Job, storage: Storage) -> None:
    run_job(remote_job, ignore, never)
    teacher = remote_job.inputs.config
    student = with_inputs(
        remote_job,
        config=tiny(teacher=teacher.trial_id, distillation_weight=1.0, seed=3),
        teacher=teacher,
        teacher_weights=Path(teacher.trial_id, "weights.safetensors"),
    )

    assert run_job(student, ignore, never).state == "FINISHED"
    storage.remove(teacher.trial_id)
    without = run_job(with_inputs(student, attempt=2, config=tiny(
        teacher=teacher.trial_id, distillation_weight=1.0, seed=4)), ignore, never)  # fmt: skip
    assert f"has no weights of trial {teacher.trial_id}" in str(without.message)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["job", "remote_job"])
def test_trial_starts_from_the_weights_that_another_one_left(
    place: str, request: pytest.FixtureRequest
) -> None:
    """Without steps of its own, it scores as much as the other one."""
    source: Job = request.getfixturevalue(place)
    config = tiny(weights=f"network:{source.trial_id}", steps=0)
    weights = Path(source.trial_id, "weights.safetensors")

    first = run_job(source, ignore, never)
    second = run_job(with_inputs(source, config=config, weights=weights), ignore, never)

    assert (second.state, second.message) == ("FINISHED", None)
    assert second.score == first.score is not None


def test_smoke_test_keeps_nothing(job: Job, settings: Settings) -> None:
    outcome = run_job(with_storage(job, None), ignore, never)

    assert outcome.state == "FINISHED"
    assert list(settings.storage.folder.iterdir()) == []
    assert list((cache_folder() / "attempts").iterdir()) == []


def test_folders_of_killed_workers_are_removed(remote_job: Job) -> None:
    left = cache_folder() / "attempts" / "left"
    left.mkdir(parents=True)
    (left / "in_use").touch()

    with open_attempt(remote_job, patience()) as attempt:
        folders = [path.name for path in (cache_folder() / "attempts").iterdir()]

    assert folders == [attempt.inputs.storage.name]


def test_newer_attempt_is_noticed_at_the_end_too(remote_job: Job, storage: Storage) -> None:
    with open_attempt(remote_job, patience()) as attempt:
        attempt.upload._end.set()  # nothing is noticed earlier
        storage.upload(attempt.directory / "attempt", f"{remote_job.trial_id}/2/attempt")
        (attempt.directory / "config.json").write_text("{}")

        with pytest.raises(StaleAttemptError):
            attempt.store(never)


def patience() -> StoragePatience:
    return StoragePatience(Reporter(ignore, lambda: None), never)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
