"""The budget of an experiment, and the hours that its drivers' attempts have taken."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.ledger.tables import attempts, experiments, trials

_HOUR = timedelta(hours=1)


def read_budget(db: Connection, experiment: str) -> BudgetStatus | None:
    """Return the budget of an experiment, as submitted last, and what is spent of it, if any.

    An attempt counts for the experiment whose driver started it, from its start to its end; one
    that has no end yet, or lost its driver, to its last heartbeat.
    """
    row = experiments.c.name == experiment
    limits = db.scalar(sa.select(experiments.c.budget).where(row))
    if not limits:
        return None
    query = (
        sa.select(attempts.c.started_at, attempts.c.ended_at, attempts.c.gpus)
        .add_columns(trials.c.heartbeat_at)
        .join(trials, trials.c.trial_id == attempts.c.trial_id)
        .where(attempts.c.experiment == experiment, attempts.c.started_at.is_not(None))
    )
    spent = {"gpu_hours": 0.0, "trial_hours": 0.0}
    for attempt in db.execute(query):
        hours = _hours(attempt)
        spent["trial_hours"] += hours
        spent["gpu_hours"] += hours * attempt.gpus
    return BudgetStatus(limits, spent)


def _hours(attempt: Any) -> float:
    end = attempt.ended_at or attempt.heartbeat_at or attempt.started_at
    hours: float = (end - attempt.started_at) / _HOUR
    return max(0.0, hours)
