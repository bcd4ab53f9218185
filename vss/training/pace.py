"""The pace of a training run since its last report."""

from vss.data.batches import Batches
from vss.runtime.clock import StepClock


class Pace:
    """The mean duration of a step and of its wait for data, each since it was last taken."""

    def __init__(self, clock: StepClock, batches: Batches) -> None:
        self._clock, self._batches = clock, batches
        self._mark()

    def take(self) -> tuple[float | None, float | None]:
        """Return seconds per step, without warm-up, and of waiting; None if there was no step."""
        steps = self._clock.seconds[self._timed_steps :]
        batch_count = self._batches.count - self._batch_count
        wait_seconds = self._batches.wait_seconds - self._wait_seconds
        self._mark()
        return (
            sum(steps) / len(steps) if steps else None,
            wait_seconds / batch_count if batch_count else None,
        )

    def _mark(self) -> None:
        self._timed_steps = len(self._clock.seconds)
        self._wait_seconds = self._batches.wait_seconds
        self._batch_count = self._batches.count
