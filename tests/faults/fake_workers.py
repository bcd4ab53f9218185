"""Workers that train nothing: they count steps, and are lost as a schedule has it."""

import random
from collections import deque
from dataclasses import dataclass, field

from orchestrator.execution.job import Failure, Heartbeat, Job, Outcome, ShouldStop
from orchestrator.ledger.entries import State

_LAST_STEP = 3
_STALE = Outcome(State.CANCELLED, "a newer attempt has begun")


@dataclass
class TrialFiles:
    """A trial directory: who owns it, its checkpoint and its result."""

    owner: int = 0
    step: int = 0
    is_finished: bool = False


@dataclass
class Storage:
    """All trial directories, and the runs of a tracking store."""

    directories: dict[str, TrialFiles] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)

    def directory(self, trial_id: str) -> TrialFiles:
        return self.directories.setdefault(trial_id, TrialFiles())

    def open_run(self, trial_id: str, known_run: str | None) -> str:
        """Return the one run of a trial, however many attempts open it."""
        run = self.runs.setdefault(trial_id, f"run of {trial_id}")
        assert known_run in (None, run), f"the ledger has another run of {trial_id}: {known_run}"
        return run


@dataclass(frozen=True)
class Odds:
    """The probabilities, per step of a worker, that it comes to harm."""

    loss: float = 0.0
    out_of_memory: float = 0.0
    bug: float = 0.0


class FakeWorker:
    """One attempt at a trial: `advance` is a moment of its life."""

    def __init__(self, job: Job, should_stop: ShouldStop, storage: Storage) -> None:
        self.job = job
        self.outcome: Outcome | None = None
        self.reported_start = 0
        self._has_begun = self._has_reported = False
        self._should_stop = should_stop
        self._storage = storage
        self._files = storage.directory(job.trial_id)
        self._attempt = job.inputs.attempt or 0
        self._step = 0
        self._run_id: str | None = None
        self._heartbeats: deque[Heartbeat] = deque()

    def advance(self, rng: random.Random, odds: Odds) -> None:
        """Train for a moment, unless the worker comes to harm."""
        if self.outcome is not None:
            return
        self.outcome = self._find_harm(rng, odds)
        if self.outcome is not None:
            return
        if self._files.owner > self._attempt:
            self.outcome = _STALE
        elif not self._has_begun:
            self._begin()
        elif self._should_stop():
            self._files.step = self._step
            self.outcome = Outcome(State.CANCELLED, run_id=self._run_id)
        else:
            self._train(rng)

    def next_heartbeats(self, rng: random.Random) -> list[Heartbeat]:
        """Return heartbeats that arrive now, some of them twice, or in another order than sent."""
        arrived = list(self._heartbeats)
        self._heartbeats.clear()
        if arrived and not self._has_reported:
            self._has_reported, self.reported_start = True, arrived[0].step
        later = arrived[1:]
        rng.shuffle(later)
        return arrived[:1] + later + later[: rng.randrange(2)]

    def _find_harm(self, rng: random.Random, odds: Odds) -> Outcome | None:
        chance = rng.random()
        if chance < odds.loss:
            return Outcome(State.FAILED, "the worker was lost", None, Failure.TRANSIENT)
        if chance < odds.loss + odds.out_of_memory:
            return Outcome(State.FAILED, "no memory left", None, Failure.OUT_OF_MEMORY)
        if chance < odds.loss + odds.out_of_memory + odds.bug:
            return Outcome(State.FAILED, "the loss is nan", None, Failure.FINAL)
        return None

    def _begin(self) -> None:
        self._files.owner = self._attempt
        self._has_begun = True
        self._step = self._files.step
        if self.job.tracking is not None:
            self._run_id = self._storage.open_run(self.job.trial_id, self.job.tracking.run_id)
        self._heartbeats.append(Heartbeat(self._step, run_id=self._run_id))
        if self._files.is_finished:  # an earlier attempt was lost after its last step
            self.outcome = Outcome(State.FINISHED, run_id=self._run_id, score=0.5)

    def _train(self, rng: random.Random) -> None:
        self._step += rng.randint(1, 2)
        if rng.random() < 0.5:
            self._files.step = self._step
        self._heartbeats.append(Heartbeat(self._step, loss=1.0, run_id=self._run_id))
        if self._step >= _LAST_STEP:
            assert not self._files.is_finished, f"{self.job.trial_id} was trained twice"
            self._files.is_finished = True
            self.outcome = Outcome(State.FINISHED, run_id=self._run_id, score=0.5)
