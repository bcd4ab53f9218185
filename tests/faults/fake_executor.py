"""A place where fake workers run, and the thread of a driver, which runs when it is let."""

import random
import threading
from collections.abc import Callable
from typing import Protocol

from orchestrator.execution.job import Events, Job, ShouldStop, SlotSize
from tests.faults.fake_workers import FakeWorker, Odds, Storage

SLOTS = 2


class Killed(BaseException):
    """Raised in the thread of a driver that has been killed."""


class Turns:
    """The turns of a thread: it runs only while `give` waits for it to `end_turn`."""

    def __init__(self, run: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self.is_over = False
        self._is_killed = False
        self._mine, self._given = threading.Semaphore(0), threading.Semaphore(0)
        self._run = run
        self._thread = threading.Thread(target=self._run_in_turns, daemon=True)
        self._thread.start()

    def give(self) -> None:
        """Let the thread run until its turn ends."""
        if not self.is_over:
            self._mine.release()
            self._given.acquire()

    def kill(self) -> None:
        """End the thread where it waits."""
        self._is_killed = True
        self.give()

    def end_turn(self) -> None:
        """Wait for the next turn; called by the thread itself."""
        self._given.release()
        self._mine.acquire()
        if self._is_killed:
            raise Killed

    def _run_in_turns(self) -> None:
        self._mine.acquire()
        try:
            if not self._is_killed:
                self._run()
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        self.is_over = True
        self._given.release()


class Owner(Protocol):
    """Who uses an executor, and watches it."""

    def on_start(self, job: Job) -> None:
        """Handle a start."""

    def on_end(self, worker: FakeWorker) -> None:
        """Handle the end of a worker, before the recorder does."""


class FakeExecutor:
    """An executor whose `poll` ends the turn of its driver."""

    dashboard_url: str | None = None
    node_count = 1

    def __init__(
        self,
        rng: random.Random,
        storage: Storage,
        end_turn: Callable[[], None],
        owner: "Owner",
    ) -> None:
        self._rng = rng
        self._storage = storage
        self._end_turn = end_turn
        self._owner = owner
        self.odds = Odds()
        self.is_calm = False  # whether nothing is late any more
        self.workers: dict[str, FakeWorker] = {}

    @property
    def is_idle(self) -> bool:
        return not self.workers

    def free_slots(self, size: SlotSize, job_count: int) -> int:
        if size.cpus > 1:
            return 0 if self.workers else 1
        taken = sum(int(worker.job.size.cpus) for worker in self.workers.values())
        return max(0, SLOTS - taken)

    def start(self, job: Job, should_stop: ShouldStop) -> None:
        assert job.trial_id not in self.workers, f"{job.trial_id} runs twice at once"
        self._owner.on_start(job)
        self.workers[job.trial_id] = FakeWorker(job, should_stop, self._storage)

    def poll(self, events: Events, seconds: float) -> None:
        self._end_turn()
        for trial_id, worker in list(self.workers.items()):
            if not self.is_calm and self._rng.random() < 0.3:  # all that it says is late
                continue
            for heartbeat in worker.next_heartbeats(self._rng):
                events.on_heartbeat(trial_id, heartbeat)
            if worker.outcome is not None:
                del self.workers[trial_id]
                self._owner.on_end(worker)
                events.on_end(trial_id, worker.outcome)

    def advance(self) -> None:
        """Let all workers live on for a moment, whether or not their driver does."""
        for worker in self.workers.values():
            worker.advance(self._rng, self.odds)
