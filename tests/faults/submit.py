"""A submit in the simulated world: the real loop, queue, recorder and ledger of a driver."""

import random
from collections.abc import Callable
from typing import Any, Protocol

from orchestrator.execution.job import Failure, Job, SlotSize
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.notifications.notifier import Notifier
from orchestrator.execution.stop_requests import StopRequests
from orchestrator.execution.trials.job_factory import JobFactory, Slots
from orchestrator.execution.trials.recorder import Recorder
from orchestrator.execution.trials.retries import Retries
from orchestrator.execution.trials.trial_queue import TrialQueue
from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from tests.faults.fake_executor import SLOTS, FakeExecutor, Turns
from tests.faults.fake_workers import FakeWorker, Storage
from tests.faults.study import FakeData
from tests.faults.world import Process, World

_TOUCH_SECONDS = 10.0
_SLOTS = Slots(SlotSize(1.0, 0.0), SlotSize(float(SLOTS), 0.0), SLOTS)


class RetryRule:
    """The rule by which failed trials are tried again, said once more and differently.

    A trial may fail `limit` times without getting further than where it began, and once for want
    of memory; anything else ends it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ends: dict[str, list[tuple[Failure | None, int]]] = {}

    def note(self, worker: FakeWorker) -> None:
        """Note the end of an attempt, and where it said that it began."""
        assert worker.outcome is not None
        end = (worker.outcome.failure, worker.reported_start)
        self._ends.setdefault(worker.job.trial_id, []).append(end)

    def forget(self) -> None:
        """Forget all failures: the user has submitted again."""
        self._ends.clear()

    def needs_device(self, trial_id: str) -> bool:
        """Return whether a trial ran out of memory last."""
        ends = self._ends.get(trial_id)
        return ends is not None and ends[-1][0] == Failure.OUT_OF_MEMORY

    def has_given_up(self) -> bool:
        """Return whether a trial has failed for good."""
        return any(not self.allows(trial_id) for trial_id in self._ends)

    def allows(self, trial_id: str) -> bool:
        ends = self._ends.get(trial_id, [])
        furthest = losses = 0
        for failure, first_step in ends:
            if first_step > furthest:
                furthest, losses = first_step, 0
            losses += failure == Failure.TRANSIENT
        failures = [failure for failure, _ in ends]
        return (
            Failure.FINAL not in failures
            and failures.count(Failure.OUT_OF_MEMORY) <= min(1, self._limit)
            and losses <= self._limit
        )


class Watcher(Protocol):
    """Who watches what submits do."""

    def check_start(self, submit: "Submit", job: Job) -> None:
        """Check that a trial may start now."""

    def note_reopening(self) -> None:
        """Note that trials that failed are to be tried again."""


class Submit:
    """A process that runs an experiment, or waits until it may."""

    def __init__(
        self,
        experiment: Experiment,
        process: Process,
        world: World,
        ledger: Ledger,
        storage: Storage,
        settings: Settings,
        rng: random.Random,
        watcher: "Watcher",
    ) -> None:
        self.experiment = experiment
        self.process = process
        self.asleep_until = 0.0
        self.is_killed = False
        self.stop = StopRequests()
        self.retry_rule = RetryRule(experiment.resources.retries)
        self._rng, self._watcher = rng, watcher
        self._world, self._ledger, self._settings = world, ledger, settings
        self._touched_at = world.seconds
        self.recorder: Recorder | None = None
        self.driver_id: str | None = None
        self.executor = FakeExecutor(rng, storage, self._end_turn, self)
        self.turns = Turns(self._run)

    @property
    def is_over(self) -> bool:
        return self.turns.is_over

    @property
    def name(self) -> str:
        return self.experiment.name

    def on_start(self, job: Job) -> None:
        self._watcher.check_start(self, job)

    def on_end(self, worker: FakeWorker) -> None:
        self.retry_rule.note(worker)

    def live(self) -> None:
        """Let the process run for a moment."""
        with self._world.at(self.process):
            self.turns.give()
        if self.turns.error is not None:
            raise self.turns.error

    def kill(self) -> None:
        """End the process; its workers live on for a while, and know nothing of it."""
        self.is_killed, self.process.is_alive = True, False
        with self._world.at(self.process):
            self.turns.kill()

    def _run(self) -> None:
        driver = self._patiently(lambda: Driver(self._ledger._engine))
        self.driver_id = driver.driver_id
        self._patiently(lambda: self._ledger.upkeep.reopen(self.name))
        self._watcher.note_reopening()
        if self._wait_for_lease(driver):
            self._drive(driver)
        driver.release_claims()
        self.process.is_alive = False

    def _wait_for_lease(self, driver: Driver) -> bool:
        """Attach to a driver; return False if the experiment is cancelled meanwhile."""
        was_cancelled = self._patiently(lambda: self._ledger.is_cancelled(self.name))
        while not self._patiently(lambda: driver.take_lease(self.name)):
            if not was_cancelled and self._patiently(lambda: self._ledger.is_cancelled(self.name)):
                return False
            if self.stop.is_for_all():
                return False
            self._end_turn()
            if self._is_touch_due():
                self._patiently(driver.touch)
        return True

    def _drive(self, driver: Driver) -> None:
        resources = self.experiment.resources
        recorder = Recorder(driver, Retries(resources.retries), self.stop)
        self.recorder = recorder
        data: Any = FakeData()
        factory = JobFactory(self.experiment, data, self._settings, _SLOTS)
        notifier = Notifier(self.name, None)
        queue = TrialQueue(
            self.experiment, self._ledger, driver, factory, recorder, lambda line: None, notifier
        )
        run_jobs(queue, self.executor, recorder, self.stop)  # type: ignore[arg-type]
        while not recorder._try_flush():
            self._end_turn()

    def _patiently(self, call: Callable[[], Any]) -> Any:
        while True:
            try:
                return call()
            except LedgerUnreachableError:
                self._end_turn()

    def _end_turn(self) -> None:
        self.turns.end_turn()
        # What the recorder's thread does twice a second; here, too, at no fixed point.
        if self.recorder is not None:
            touch = self._is_touch_due()
            if touch or self._rng.random() < 0.25:
                self.recorder._try_flush(touch)

    def _is_touch_due(self) -> bool:
        is_due = self._world.seconds - self._touched_at >= _TOUCH_SECONDS
        if is_due:
            self._touched_at = self._world.seconds
        return is_due
