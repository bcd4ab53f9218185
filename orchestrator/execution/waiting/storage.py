"""A worker's wait for the storage: an error of a write is a pause, not a failure."""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator.execution.job import ShouldStop
from orchestrator.execution.waiting.reporter import Reporter
from orchestrator.ledger.availability.pause import Pause

RETRY_SECONDS = 2.0
_POLL_SECONDS = 0.2
# Errors of a disk or of a network file system that may go away by themselves.
_OUTAGES = {
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.ENOTCONN,
    errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ENODEV, errno.EREMOTEIO,
}  # fmt: skip
Result = TypeVar("Result")


class StoragePatience:
    """Waits until the storage can be written again, or until the trial is to stop.

    Args:
        reporter: what tells the driver about the wait.
        should_stop: whether the trial is to stop; then the error of a write is raised.
    """

    def __init__(self, reporter: Reporter, should_stop: ShouldStop) -> None:
        self._reporter = reporter
        self._should_stop = should_stop
        self._pause: Pause | None = None

    def begin(self, error: OSError) -> None:
        """Note that the storage is out of reach."""
        if self._should_stop():
            raise error
        if self._pause is None:
            reason = (error.strerror or str(error)).lower()
            self._pause = Pause("the storage", reason)
            self._reporter.set_pause("the storage", self._pause)

    def wait(self) -> None:
        """Wait for a moment, or until the trial is to stop."""
        deadline = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < deadline and not self._should_stop():
            time.sleep(_POLL_SECONDS)

    def end(self) -> None:
        """Note that the storage can be written again."""
        if self._pause is not None:
            self._pause = None
            self._reporter.set_pause("the storage", None)

    def repeat(self, run: Callable[[], Result]) -> Result:
        """Run a whole trial again from its checkpoint if it could not read something, as long as
        that is the fault of a disk."""
        while True:
            try:
                return run()
            except OSError as error:
                if error.errno not in _OUTAGES:
                    raise
                self.begin(error)
            self.wait()
