"""The stop file: how Ctrl-C reaches all workers."""

import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


def new_stop_file(storage: Path) -> Path:
    """Return a path in the storage, which all workers see, that no other submit uses."""
    return storage / f".stop-{uuid.uuid4().hex[:8]}"


@contextmanager
def stop_on_signal(
    stop_file: Path, say: Callable[[str], object], keeps_checkpoints: bool = True
) -> Iterator[Callable[[], bool]]:
    """Create the stop file at the first SIGINT or SIGTERM; the second one interrupts at once.

    Args:
        stop_file: the file to create; it is removed at the end.
        say: a function that prints a line.
        keeps_checkpoints: whether stopped trials can be resumed; a smoke test keeps nothing.

    Yields:
        a function that returns whether the user wants to stop.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if stop_file.exists():
            raise KeyboardInterrupt
        stop_file.touch()
        if keeps_checkpoints:
            say("stopping: trials save a checkpoint; rerun the same command to resume")
        else:
            say("stopping after the current step")

    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier_handlers = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield stop_file.exists
    finally:
        stop_file.unlink(missing_ok=True)
        for number, handler in earlier_handlers.items():
            signal.signal(number, handler)
