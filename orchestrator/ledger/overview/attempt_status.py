"""One attempt at a trial, as the overview of a ledger returns it; no database."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.ledger.entries import State

LOST_DRIVER = "its driver was lost"


@dataclass(frozen=True)
class AttemptStatus:
    """One start of a trial by a worker.

    Attributes:
        state: PENDING until its worker reports.
        first_step: the step at which it began.
        message: the error with its traceback, if it failed.
    """

    number: int
    state: State
    first_step: int
    started_at: datetime | None
    ended_at: datetime | None
    message: str | None
