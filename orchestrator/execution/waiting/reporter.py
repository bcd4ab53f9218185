"""The reporter of a worker: its heartbeats, which also say what the trial waits for."""

import dataclasses
import threading
from collections.abc import Callable

from orchestrator.execution.job import Heartbeat, Report
from orchestrator.ledger.availability.pause import Pause
from vss.training.inputs import Progress


class Reporter:
    """Sends a heartbeat for all progress, and whenever a wait begins or ends.

    Args:
        send: a function that sends a heartbeat; threads call it, but one at a time.
        find_run_id: a function that returns the MLflow run, once it is open.
    """

    def __init__(self, send: Report, find_run_id: Callable[[], str | None]) -> None:
        self._send = send
        self._find_run_id = find_run_id
        self._last: Heartbeat | None = None
        self._pauses: dict[str, Pause] = {}
        self._is_closed = False
        self._lock = threading.Lock()

    def report(self, progress: Progress) -> None:
        """Send a heartbeat about progress."""
        with self._lock:
            pace = (progress.step_seconds, progress.data_wait_seconds)
            self._last = Heartbeat(progress.step, progress.loss, progress.miou, None, *pace)
            self._send_last()

    def report_end(self, step: int) -> bool:
        """Send a heartbeat about a trial that had been trained before, and so reported nothing.

        Returns:
            whether it had been.
        """
        with self._lock:
            was_trained_before = self._last is None
            if self._last is None:
                self._last = Heartbeat(step)
                self._send_last()
        return was_trained_before

    def set_pause(self, service: str, pause: Pause | None) -> None:
        """Say that the trial waits for a service, or with None that it no longer does.

        Before the first progress, nobody knows yet at which step the attempt begins.
        """
        with self._lock:
            self._pauses.pop(service, None)
            if pause is not None:
                self._pauses[service] = pause
            if self._last is not None and not self._is_closed:
                self._send_last()

    def close(self) -> None:
        """Send nothing any more."""
        with self._lock:
            self._is_closed = True

    def _send_last(self) -> None:
        assert self._last is not None  # noqa: S101  # both callers have checked it
        waiting_for = next(iter(self._pauses.values()), None)
        heartbeat = dataclasses.replace(
            self._last, run_id=self._find_run_id(), waiting_for=waiting_for
        )
        self._send(heartbeat)
