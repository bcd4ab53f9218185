"""Requests to stop: of everything, by Ctrl-C, or of single trials, by `cancel`."""

import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequests:
    """What a driver has been asked to stop; any thread may ask."""

    def __init__(self) -> None:
        self._all = threading.Event()
        self._trial_ids: frozenset[str] = frozenset()

    def stop_all(self) -> None:
        """Ask everything to stop; no further trial starts."""
        self._all.set()

    def stop_trials(self, trial_ids: Collection[str]) -> None:
        """Ask these trials to stop, and no others any more."""
        self._trial_ids = frozenset(trial_ids)

    def is_for_all(self) -> bool:
        """Return whether everything has been asked to stop."""
        return self._all.is_set()

    def is_for(self, trial_id: str) -> bool:
        """Return whether a trial has been asked to stop, alone or with all others."""
        return self._all.is_set() or trial_id in self._trial_ids


@contextmanager
def interrupt_on_signal() -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGTERM too: for work that has no steps to stop at."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handle_signals(on_signal):
        yield


@contextmanager
def stop_on_signal(
    stop: StopRequests, say: Callable[[str], object], keeps_checkpoints: bool = True
) -> Iterator[None]:
    """Stop everything at the first SIGINT or SIGTERM; the second one interrupts at once.

    Args:
        stop: the requests that the first signal adds to.
        say: a function that prints a line.
        keeps_checkpoints: whether stopped trials can be resumed; a smoke test keeps nothing.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_for_all():
            raise KeyboardInterrupt
        stop.stop_all()
        if keeps_checkpoints:
            say("stopping: trials save a checkpoint; rerun the same command to resume")
        else:
            say("stopping after the current step")

    with _handle_signals(on_signal):
        yield


@contextmanager
def _handle_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier_handlers = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in earlier_handlers.items():
            signal.signal(number, earlier)
