"""Patience: calls that are repeated until the services they need are within reach again."""

import errno
import os
from collections.abc import Callable
from typing import TypeVar

from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.availability.pause import Pause

_LONGEST_WAIT_SECONDS = 10.0
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
Result = TypeVar("Result")


def wait_until_reachable(call: Callable[[], Result], say: Callable[[str], object]) -> Result:
    """Call a function again and again until no service that it needs is out of reach.

    Args:
        call: the function; it may be called more than once.
        say: a function that prints a line; it is called once per outage.
    """
    from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

    def announce(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number == 1 and error is not None:
            say(str(find_pause(error)))

    retrying = Retrying(
        retry=retry_if_exception(lambda error: find_pause(error) is not None),
        wait=wait_exponential(multiplier=0.5, max=_LONGEST_WAIT_SECONDS),
        before_sleep=announce,
        reraise=True,
    )
    return retrying(call)


def find_pause(error: BaseException) -> Pause | None:
    """Return what to wait for after an error; None if waiting would not help."""
    if isinstance(error, LedgerUnreachableError):
        return Pause("the ledger", error.reason)
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return Pause("the disk", os.strerror(error.errno or 0).lower())
    from orchestrator.tracking.outage import find_outage  # takes a second to import

    reason = find_outage(error)
    return Pause("MLflow", reason) if reason else None
