"""The recorder: writes what happens to running trials into the ledger."""

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from orchestrator.execution.job import Heartbeat, Outcome
from orchestrator.execution.retries import Retries
from orchestrator.execution.stop_requests import StopRequests
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Claim, State

_FLUSH_SECONDS = 0.5
_TOUCH_SECONDS = 10.0


class Recorder:
    """A receiver of an executor's events that writes them into the ledger.

    Heartbeats are collected and written together, twice a second, by a thread that also tells
    other drivers that this one is alive.

    Attributes:
        retries: the failures so far.
    """

    def __init__(self, driver: Driver, retries: Retries, stop: StopRequests) -> None:
        self._driver = driver
        self.retries = retries
        self._stop = stop
        self._claims: dict[str, Claim] = {}
        self._started: set[Claim] = set()
        self._heartbeats: dict[Claim, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self._stop_requested = threading.Event()
        self._flusher = threading.Thread(target=self._flush_until_stopped, daemon=True)

    def __enter__(self) -> Self:
        self._flusher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_requested.set()
        self._flusher.join()

    def follow(self, claim: Claim) -> None:
        """Expect events of a trial that has been claimed."""
        self._claims[claim.trial_id] = claim

    def on_heartbeat(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Note a heartbeat; the first one marks the trial as running."""
        claim = self._claims[trial_id]
        if claim not in self._started:
            self._start(claim, heartbeat.step, heartbeat.run_id)
        values = {"step": heartbeat.step, "loss": heartbeat.loss, "miou": heartbeat.miou}
        with self._lock:
            self._heartbeats[claim] = values

    def on_end(self, trial_id: str, outcome: Outcome) -> None:
        """Record the end of an attempt."""
        claim = self._claims.pop(trial_id)
        if claim not in self._started and outcome.state != State.CANCELLED:
            self._start(claim, 0, outcome.run_id)
        self._flush()
        state = self.retries.next_state(trial_id, outcome)
        if state == State.CANCELLED and not self._stop.is_for(trial_id):
            state = State.PENDING  # a newer attempt owned its directory: the next one is newer
        message = outcome.message if state == State.FAILED else None
        details = outcome.details or outcome.message
        self._driver.end(claim, state, message, details, outcome.score)

    def _start(self, claim: Claim, first_step: int, run_id: str | None) -> None:
        self._started.add(claim)
        self.retries.note_start(claim.trial_id, first_step)
        self._driver.start(claim, first_step, run_id)

    def _flush_until_stopped(self) -> None:
        touched_at = 0.0
        while not self._stop_requested.wait(_FLUSH_SECONDS):
            self._flush()
            if time.monotonic() - touched_at > _TOUCH_SECONDS:
                self._driver.touch()
                touched_at = time.monotonic()

    def _flush(self) -> None:
        with self._lock:
            heartbeats, self._heartbeats = self._heartbeats, {}
        if heartbeats:
            self._driver.beat(heartbeats)
