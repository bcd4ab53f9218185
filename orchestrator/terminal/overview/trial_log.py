"""The log of an attempt at a trial: what its worker wrote, and the error that ended it."""

import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import State
from orchestrator.ledger.overview.attempt_status import AttemptStatus
from orchestrator.storage import Storage
from vss.errors import UserError
from vss.trial_log import log_name

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger

_POLL_SECONDS = 1.0
_OPEN_STATES = (State.PENDING, State.RUNNING)


def show_log(
    trial_id: str,
    number: int | None,
    ledger: "Ledger",
    storage: Storage,
    say: Callable[[str], None],
    follow: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Print the log of an attempt.

    Args:
        trial_id: the trial.
        number: the number of the attempt; None for the newest.
        ledger: the ledger that the trial is in.
        storage: the storage of the trial directories.
        say: a function that prints text.
        follow: whether to go on until the attempt has ended.
        sleep: a function that waits; tests replace it.

    Raises:
        UserError: if there is no such attempt.
    """
    attempt = find_attempt(trial_id, number, ledger)
    read = functools.partial(storage.read_log, trial_id, attempt.number, log_name(attempt.number))
    say(_describe(attempt, trial_id))
    printed_bytes = _print_new(read(), 0, say)
    while follow and attempt.state in _OPEN_STATES:
        sleep(_POLL_SECONDS)
        attempt = find_attempt(trial_id, attempt.number, ledger)
        printed_bytes = _print_new(read(), printed_bytes, say)
    if not printed_bytes:
        say(f"no log: {storage} has no {log_name(attempt.number)} of trial {trial_id}")
    if attempt.message:
        say(attempt.message.rstrip())
    if follow:
        say(f"attempt {attempt.number} {attempt.state}")


def find_attempt(trial_id: str, number: int | None, ledger: "Ledger") -> AttemptStatus:
    """Return an attempt at a trial; the newest if `number` is None.

    Raises:
        UserError: if there is none.
    """
    attempts = {attempt.number: attempt for attempt in ledger.attempts(trial_id)}
    if not attempts:
        raise UserError(f"trial {trial_id} has no log: it has not been started yet")
    chosen = max(attempts) if number is None else number
    if chosen not in attempts:
        numbers = ", ".join(map(str, attempts))
        raise UserError(f"trial {trial_id} has no attempt {chosen} (attempts: {numbers})")
    return attempts[chosen]


def _describe(attempt: AttemptStatus, trial_id: str) -> str:
    parts = [f"trial {trial_id}, attempt {attempt.number}: {attempt.state}"]
    if attempt.started_at is not None:
        started = f"{attempt.started_at:%Y-%m-%d %H:%M:%S}"
        parts.append(f"started {started} UTC at step {attempt.first_step}")
    if attempt.ended_at is not None:
        parts.append(f"ended {attempt.ended_at:%Y-%m-%d %H:%M:%S} UTC")
    return ", ".join(parts)


def _print_new(content: bytes | None, offset: int, say: Callable[[str], None]) -> int:
    """Print the whole lines after an offset in bytes, and return the new offset."""
    rest = (content or b"")[offset:]
    lines = rest[: rest.rfind(b"\n") + 1]
    if lines:
        say(lines.decode(errors="replace").removesuffix("\n"))
    return offset + len(lines)
