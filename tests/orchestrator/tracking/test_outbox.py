"""The outbox of a trial, before a store that fails for a while."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from orchestrator.ledger.availability.pause import Pause
from orchestrator.tracking import outbox
from orchestrator.tracking.outbox import Outbox
from orchestrator.tracking.trial_run import Point
from vss.training.inputs import Picture


def loss(step: int) -> Point:
    return ("train/loss", step, 1.0)


class FlakyRun:
    """A run whose store is out of reach for the first calls, and loses some answers."""

    run_id = "run"

    def __init__(self, failures: int = 0, lost_answers: int = 0) -> None:
        self.points: list[Point] = []
        self.times: list[int] = []
        self.pictures: list[Picture] = []
        self._failures = failures
        self._lost_answers = lost_answers
        self.forgot = False

    def check_connection(self) -> None:
        if self._failures:
            self._failures -= 1
            raise ConnectionRefusedError(111, "Connection refused")

    def log(self, points: Sequence[Point], milliseconds: int) -> None:
        self.times.append(milliseconds)
        kept_steps = {step for _, step, _ in self.points} if self.forgot else set()
        self.points += [point for point in points if point[1] not in kept_steps]
        if self._lost_answers:
            self._lost_answers -= 1
            raise MlflowException("no answer")

    def log_picture(self, picture: Picture, milliseconds: int) -> None:
        self.pictures.append(picture)

    def forget_logged_steps(self) -> None:
        self.forgot = True


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "RETRY_SECONDS", 0.05)


def never() -> bool:
    return False


def opened(run: Any) -> Outbox:
    return Outbox(lambda: run)


@pytest.mark.slow
def test_points_arrive_in_order_and_once_after_an_outage() -> None:
    run = FlakyRun(failures=3, lost_answers=1)
    pauses: list[Pause | None] = []

    with opened(run) as box:
        box.on_pause = pauses.append
        for step in range(5):
            box.put([loss(step)])
        assert box.flush(never) is run

    assert run.points == [loss(step) for step in range(5)]
    assert str(pauses[0]).endswith("(connection refused)")
    assert "waiting for MLflow since" in str(pauses[0])
    assert pauses[-1] is None


def test_pictures_wait_out_an_outage_too() -> None:
    run = FlakyRun(failures=2)
    picture = Picture("a/1", 3, b"\x89PNG\x00\xff")

    with opened(run) as box:
        box.put([loss(3)], [picture])
        box.flush(never)

    assert run.pictures == [picture]


def test_points_keep_the_time_at_which_they_were_put() -> None:
    may_open = threading.Event()
    run = FlakyRun()

    def open_run() -> Any:
        may_open.wait(timeout=60)
        return run

    with Outbox(open_run) as box:
        box.put([loss(1)])
        put_at = time.time() * 1000
        while time.time() * 1000 < put_at + 5:
            pass
        may_open.set()
        box.flush(never)

    assert run.times[0] <= put_at + 1


def test_put_does_not_wait_for_a_store_that_hangs() -> None:
    has_put = threading.Event()
    waited: list[bool] = []

    class HangingRun(FlakyRun):
        def check_connection(self) -> None:
            waited.append(has_put.wait(timeout=60))

    with opened(HangingRun()) as box:
        box.put([loss(1)])
        has_put.set()
        box.flush(never)

    assert waited[0]


def test_run_is_opened_as_soon_as_the_store_answers() -> None:
    attempts: list[int] = []

    def open_run() -> Any:
        attempts.append(1)
        if len(attempts) < 3:
            raise ConnectionRefusedError(111, "Connection refused")
        return FlakyRun()

    with Outbox(open_run) as box:
        box.flush(never)

        assert box.run_id == "run"


@pytest.mark.slow
def test_stop_request_ends_the_wait() -> None:
    with opened(FlakyRun(failures=10**6)) as box:
        box.put([loss(1)])

        assert box.flush(should_stop=lambda: True) is None
        assert not box.finish(lambda run: None, should_stop=lambda: True)


def test_error_that_waiting_does_not_mend_is_raised() -> None:
    class StrictRun(FlakyRun):
        def log(self, points: Sequence[Point], milliseconds: int) -> None:
            raise MlflowException.invalid_parameter_value("no such run")

    with opened(StrictRun()) as box:
        box.put([loss(1)])

        with pytest.raises(MlflowException, match="no such run"):
            box.flush(never)


def test_end_is_written_again_until_the_store_takes_it() -> None:
    calls: list[int] = []

    def write(run: Any) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionResetError(104, "Connection reset by peer")

    with opened(FlakyRun()) as box:
        assert box.finish(write, never)

    assert len(calls) == 3
