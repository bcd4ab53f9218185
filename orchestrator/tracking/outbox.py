"""The outbox of a trial: its points and pictures reach MLflow in order and once, and never hold a
step."""

import base64
import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from orchestrator.ledger.availability.pause import Pause
from orchestrator.tracking.outage import find_outage
from orchestrator.tracking.spool import Spool
from orchestrator.tracking.trial_run import Point, TrialRun
from vss.training.inputs import Picture

RETRY_SECONDS = 3.0
_LAST_WAIT_SECONDS = 10.0


class Outbox:
    """A queue of points, and the thread that opens a trial's run and writes them to it.

    While the store is out of reach, the points wait; training waits only if there is no room for
    them any more.

    Args:
        open_run: a function that opens the run.

    Attributes:
        check_owner: called before points are written; it raises an error if another attempt
            writes to the run by now, which would take the same points for its own.
        on_pause: called when a wait for the store begins, and with None when it ends.
        pause: the wait for the store, or None while it answers.
    """

    def __init__(self, open_run: Callable[[], TrialRun]) -> None:
        self.check_owner: Callable[[], None] = lambda: None
        self.on_pause: Callable[[Pause | None], None] = lambda pause: None
        self.pause: Pause | None = None
        self._open_run = open_run
        self._run: TrialRun | None = None
        self._spool = Spool()
        self._error: Exception | None = None
        self._changed = threading.Condition()  # of the spool, the run or the error
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_requested.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(_LAST_WAIT_SECONDS)  # it may be in a call to a store that hangs

    @property
    def run_id(self) -> str | None:
        """The id of the run, or None until it is open."""
        return self._run.run_id if self._run else None

    def put(self, points: Sequence[Point], pictures: Sequence[Picture] = ()) -> None:
        """Hand over points and pictures; wait only if there is no room for them.

        Raises:
            Exception: if the store has refused earlier ones.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._spool.is_full or self._error)
            self._check()
            if points or pictures:
                self._spool.append(
                    {
                        "time": round(time.time() * 1000),
                        "points": list(points),
                        "pictures": [_encode(picture) for picture in pictures],
                    }
                )
                self._changed.notify_all()

    def flush(self, should_stop: Callable[[], bool]) -> TrialRun | None:
        """Wait until the run is open and has all points.

        Args:
            should_stop: polled while the store is out of reach.

        Returns:
            the run; None if it was told to stop before that.

        Raises:
            Exception: if the store has refused points.
        """
        with self._changed:
            while self._error is None and (self._run is None or self._spool):
                self._changed.wait(0.2)
                if self.pause is not None and should_stop():
                    return None
            self._check()
            return self._run

    def finish(self, write: Callable[[TrialRun], None], should_stop: Callable[[], bool]) -> bool:
        """Write to the run after all points, again and again while the store is out of reach.

        Args:
            write: a function that writes to the run; it may be called more than once.
            should_stop: polled while the store is out of reach.

        Returns:
            whether it was written before it was told to stop.
        """
        run = self.flush(should_stop)
        while run is not None:
            try:
                write(run)
            except Exception as error:
                self._begin_pause(error)
            else:
                self._end_pause()
                return True
            if should_stop():
                break
            self._stop_requested.wait(RETRY_SECONDS)
        return False

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            self._repeat(self._open)
            while self._wait_for_points():
                self._repeat(self._write_first)
        except Exception as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _wait_for_points(self) -> bool:
        """Wait for points to write; return False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._spool or self._stop_requested.is_set())
        return not self._stop_requested.is_set()

    def _open(self) -> None:
        self._run = self._open_run()

    def _write_first(self) -> None:
        """Write the oldest points and drop them."""
        assert self._run is not None  # noqa: S101  # opened before
        with self._changed:
            item = self._spool.first()
        self._run.check_connection()
        self.check_owner()
        points = [(name, step, value) for name, step, value in item["points"]]
        self._run.log(points, item["time"])
        for picture in item["pictures"]:
            self._run.log_picture(_decode(picture), item["time"])
        with self._changed:
            self._spool.drop_first()

    def _repeat(self, write: Callable[[], None]) -> None:
        """Call a function until the store takes it, or until the end."""
        while not self._stop_requested.is_set():
            try:
                write()
            except Exception as error:
                self._begin_pause(error)
                if self._run is not None:
                    self._run.forget_logged_steps()
                self._stop_requested.wait(RETRY_SECONDS)
            else:
                self._end_pause()
                with self._changed:
                    self._changed.notify_all()
                return

    def _begin_pause(self, error: Exception) -> None:
        """Note that the store is out of reach.

        Raises:
            Exception: the error itself, if it is anything else.
        """
        reason = find_outage(error)
        if reason is None:
            raise error
        if self.pause is None:
            self.pause = Pause("MLflow", reason)
            self.on_pause(self.pause)

    def _end_pause(self) -> None:
        if self.pause is not None:
            self.pause = None
            self.on_pause(None)


def _encode(picture: Picture) -> dict[str, Any]:
    """Convert a picture to JSON values."""
    return {**dataclasses.asdict(picture), "png": base64.b64encode(picture.png).decode()}


def _decode(values: dict[str, Any]) -> Picture:
    return Picture(**{**values, "png": base64.b64decode(values["png"])})
