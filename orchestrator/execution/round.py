"""A round: claimed trials that run in parallel, and how their events reach the ledger."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from orchestrator.execution.job import Heartbeat, Outcome
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Claim, State

_FLUSH_SECONDS = 0.5
_TOUCH_SECONDS = 10.0


class Retries:
    """The failures of one submit, and the trials it has given up on.

    Attributes:
        given_up: ids of trials that are not tried again.
    """

    def __init__(self, limit: int) -> None:
        self.given_up: set[str] = set()
        self._limit = limit
        self._failures: Counter[str] = Counter()

    def next_state(self, trial_id: str, outcome: Outcome) -> State:
        """Return a trial's state after an attempt; PENDING if it is to be tried again."""
        if outcome.state != State.FAILED:
            return State(outcome.state)
        self._failures[trial_id] += 1
        if outcome.retry and self._failures[trial_id] <= self._limit:
            return State.PENDING
        self.given_up.add(trial_id)
        return State.FAILED


class Round:
    """The events of one round, written into the ledger.

    Heartbeats are collected and written together, twice a second, by a thread that also tells
    other drivers that this one is alive.
    """

    def __init__(
        self,
        driver: Driver,
        claims: Sequence[Claim],
        retries: Retries,
        should_stop: Callable[[], bool],
    ) -> None:
        self._driver = driver
        self._open = {claim.trial_id: claim for claim in claims}
        self._started: set[str] = set()
        self._retries = retries
        self._should_stop = should_stop
        self._heartbeats: dict[Claim, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._flusher = threading.Thread(target=self._flush_until_over, daemon=True)

    def __enter__(self) -> Self:
        self._flusher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._flusher.join()
        if error is None and not self._should_stop():
            silent = Outcome(
                State.FAILED, "the worker exited without reporting a result", retry=True
            )
            for trial_id in list(self._open):
                self.ended(trial_id, silent)

    def reported(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Note a heartbeat; the first one marks the trial as running."""
        claim = self._open[trial_id]
        if trial_id not in self._started:
            self._started.add(trial_id)
            self._driver.start(claim, heartbeat.step, heartbeat.run_id)
        values = {"step": heartbeat.step, "loss": heartbeat.loss, "miou": heartbeat.miou}
        with self._lock:
            self._heartbeats[claim] = values

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """Record the end of an attempt."""
        claim = self._open.pop(trial_id)
        if trial_id not in self._started and outcome.state != State.CANCELLED:
            self._driver.start(claim, 0, outcome.run_id)
        self._flush()
        state = self._retries.next_state(trial_id, outcome)
        message = outcome.message if state == State.FAILED else None
        self._driver.end(claim, state, message, outcome.details or outcome.message)

    def _flush_until_over(self) -> None:
        touched_at = 0.0
        while not self._over.wait(_FLUSH_SECONDS):
            self._flush()
            if time.monotonic() - touched_at > _TOUCH_SECONDS:
                self._driver.touch()
                touched_at = time.monotonic()

    def _flush(self) -> None:
        with self._lock:
            heartbeats, self._heartbeats = self._heartbeats, {}
        if heartbeats:
            self._driver.beat(heartbeats)
