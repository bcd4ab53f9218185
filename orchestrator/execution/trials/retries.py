"""The decision whether a failed trial is tried again, by the kind of its failure."""

from collections import Counter

from orchestrator.execution.job import Failure, Outcome
from orchestrator.ledger.entries import State


class Retries:
    """The failures of one submit.

    A lost worker costs nothing as long as the trial gets further: only attempts that began where
    an earlier one began count. A trial that ran out of memory gets one more attempt, alone on its
    device.

    Args:
        limit: new attempts without progress that a trial may have.

    Attributes:
        alone: ids of trials whose next attempt needs a device of its own.
        any_final: whether a trial of the study has failed for good.
        samples: ids of trials that belong to a search, which goes on without them.
    """

    def __init__(self, limit: int) -> None:
        self.alone: set[str] = set()
        self.any_final = False
        self.samples: set[str] = set()
        self._limit = limit
        self._furthest_start: dict[str, int] = {}
        self._failures: Counter[str] = Counter()
        self._had_device: set[str] = set()

    def note_start(self, trial_id: str, first_step: int) -> None:
        """Note the step at which an attempt began; a later one than before is progress."""
        if first_step > self._furthest_start.get(trial_id, 0):
            self._failures[trial_id] = 0
        self._furthest_start[trial_id] = max(first_step, self._furthest_start.get(trial_id, 0))

    def next_state(self, trial_id: str, outcome: Outcome) -> State:
        """Return a trial's state after an attempt; PENDING if it is to be tried again."""
        if outcome.state != State.FAILED:
            return State(outcome.state)
        if self._is_worth_another_attempt(trial_id, outcome.failure):
            return State.PENDING
        self.any_final |= trial_id not in self.samples
        return State.FAILED

    def _is_worth_another_attempt(self, trial_id: str, failure: Failure | None) -> bool:
        if failure == Failure.OUT_OF_MEMORY and self._limit > 0:
            first_time = trial_id not in self._had_device
            self._had_device.add(trial_id)
            if first_time:
                self.alone.add(trial_id)
            return first_time
        self._failures[trial_id] += 1
        return failure == Failure.TRANSIENT and self._failures[trial_id] <= self._limit
