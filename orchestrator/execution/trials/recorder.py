"""The recorder: writes what happens to running trials into the ledger."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Self

from orchestrator.execution.job import Heartbeat, Outcome
from orchestrator.execution.stop_requests import StopRequests
from orchestrator.execution.trials.retries import Retries
from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Claim, State
from orchestrator.terminal.counts import count_of

_FLUSH_SECONDS = 0.5
_TOUCH_SECONDS = 10.0
_PROBE_SECONDS = 2.0  # from one attempt to reach the ledger to the next


class Recorder:
    """A receiver of an executor's events that writes them into the ledger.

    Heartbeats are collected and written together, twice a second, by a thread that also reads what
    should stop, and tells other drivers that this one is alive. While the ledger is out of reach,
    starts and ends wait here and are written in order as soon as it answers.

    Attributes:
        retries: the failures so far.
        outage: the wait for the ledger, or None while it answers.
        last_wait_seconds: how long the end of the block waits for a ledger that is out of reach.
    """

    last_wait_seconds = 15.0

    def __init__(
        self,
        driver: Driver,
        retries: Retries,
        stop: StopRequests,
        say: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._driver = driver
        self.retries = retries
        self.outage: Pause | None = None
        self._stop = stop
        self._say = say
        self._claims: dict[str, Claim] = {}
        self._held: set[str] = set()
        self._waiting_ids: set[str] = set()
        self._started: set[Claim] = set()
        self._heartbeats: dict[Claim, Mapping[str, Any]] = {}
        self._writes: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()  # of the heartbeats
        self._writing = threading.Lock()
        self._error: Exception | None = None
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
        deadline = time.monotonic() + self.last_wait_seconds
        while not self._try_flush() and kind is None and time.monotonic() < deadline:
            time.sleep(_FLUSH_SECONDS)
        if self._held and self.outage is not None:
            self._say(
                f"the ledger is still out of reach: it shows {count_of(len(self._held), 'trial')} "
                "as running until the same command is run again"
            )

    @property
    def is_waiting(self) -> bool:
        """Whether a service is out of reach, also if only a worker says so: nothing may start."""
        return self.outage is not None or bool(self._waiting_ids)

    @property
    def held(self) -> Collection[str]:
        """The ids of the trials that this driver runs, or whose end has yet to be written."""
        return frozenset(self._held)

    def follow(self, claim: Claim) -> None:
        """Expect events of a trial that has been claimed."""
        self._claims[claim.trial_id] = claim
        self._held.add(claim.trial_id)

    def note_outage(self, error: LedgerUnreachableError) -> None:
        """Note that the ledger is out of reach; the recorder's thread notes its return."""
        if self.outage is None:
            self.outage = Pause("the ledger", error.reason)

    def check(self) -> None:
        """Raise the error that ended the recorder's thread, if one did."""
        if self._error is not None:
            raise self._error

    def on_heartbeat(self, trial_id: str, heartbeat: Heartbeat) -> None:
        """Note a heartbeat; the first one marks the trial as running."""
        claim = self._claims[trial_id]
        if claim not in self._started:
            self._start(claim, heartbeat.step, heartbeat.run_id)
        with self._lock:
            self._heartbeats[claim] = _values(heartbeat)
            self._waiting_ids.discard(trial_id)
            if heartbeat.waiting_for is not None:
                self._waiting_ids.add(trial_id)

    def on_end(self, trial_id: str, outcome: Outcome) -> None:
        """Record the end of an attempt."""
        claim = self._claims.pop(trial_id)
        if claim not in self._started and outcome.state != State.CANCELLED:
            self._start(claim, 0, outcome.run_id)
        state = self.retries.next_state(trial_id, outcome)
        was_stopped = state == State.CANCELLED and self._stop.is_for(trial_id)
        if state == State.CANCELLED:
            # Goes on later, unless the user has cancelled it. Or a newer attempt owned its
            # directory: the next one is newer.
            state = State.PENDING
        message = outcome.message if state == State.FAILED else None
        details = outcome.details or outcome.message
        with self._lock:
            last_values = dict(self._heartbeats.pop(claim, {}))
            self._waiting_ids.discard(trial_id)
        if outcome.run_id is not None:
            last_values["run_id"] = outcome.run_id  # it may have been opened after the start

        def write() -> None:
            self._driver.end(
                claim, state, message, details, outcome.score, was_stopped, last_values
            )
            self._held.discard(trial_id)

        self._write(write)

    def _start(self, claim: Claim, first_step: int, run_id: str | None) -> None:
        self._started.add(claim)
        self.retries.note_start(claim.trial_id, first_step)
        self._write(lambda: self._driver.start(claim, first_step, run_id))

    def _write(self, write: Callable[[], None]) -> None:
        """Write at once, or in order as soon as the ledger answers."""
        self._writes.append(write)
        if self.outage is None:
            self._try_flush(reads=False)

    def _flush_until_stopped(self) -> None:
        touched_at = 0.0
        seconds = _FLUSH_SECONDS
        while not self._stop_requested.wait(seconds):
            try:
                is_due = time.monotonic() - touched_at > _TOUCH_SECONDS
                was_written = self._try_flush(touch=is_due or self.outage is not None)
            except Exception as error:
                self._error = error
                return
            if is_due and was_written:
                touched_at = time.monotonic()
            seconds = _FLUSH_SECONDS if was_written else _PROBE_SECONDS

    def _try_flush(self, touch: bool = False, reads: bool = True) -> bool:
        """Write all that waits, in order; return whether the ledger took it.

        Args:
            touch: whether to tell other drivers that this one is alive.
            reads: whether to look for requests to stop.
        """
        with self._writing:
            try:
                if touch:
                    self._driver.touch()
                while self._writes:
                    self._writes[0]()
                    self._writes.popleft()
                self._beat()
                if reads:
                    self._read_stop_requests()
            except LedgerUnreachableError as error:
                self.note_outage(error)
                return False
            self.outage = None
            return True

    def _read_stop_requests(self) -> None:
        should_end, trial_ids = self._driver.read_stop_requests(list(self._claims))
        self._stop.stop_trials(trial_ids)
        if should_end:
            self._stop.stop_all()

    def _beat(self) -> None:
        with self._lock:
            heartbeats, self._heartbeats = self._heartbeats, {}
        try:
            if heartbeats:
                self._driver.beat(heartbeats)
        except LedgerUnreachableError:
            with self._lock:
                self._heartbeats = {**heartbeats, **self._heartbeats}
            raise


def _values(heartbeat: Heartbeat) -> dict[str, Any]:
    """Return the columns that a heartbeat changes."""
    values = {"step": heartbeat.step, "loss": heartbeat.loss, "miou": heartbeat.miou}
    run_id = {"run_id": heartbeat.run_id} if heartbeat.run_id else {}
    pause = heartbeat.waiting_for
    return {**values, **run_id, "waiting_for": pause.to_json() if pause else None}
