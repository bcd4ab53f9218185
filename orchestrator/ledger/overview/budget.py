"""The budget of an experiment, and the hours that its drivers' attempts have taken."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.availability.liveness import find_live_drivers
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.ledger.tables import attempts, experiments, trials

_HOUR = timedelta(hours=1)
_UNITS = ("gpu_hours", "trial_hours")
_LIMITS = sa.select(experiments.c.budget).where(experiments.c.name == sa.bindparam("experiment"))


def read_budget(db: Connection, experiment: str) -> BudgetStatus | None:
    """Return the budget of an experiment, as submitted last, and what is spent of it, if any.

    An attempt counts for the experiment whose driver started it, from its start to its end; one
    that has no end yet, or lost its driver, to its last heartbeat.
    """
    limits = db.scalar(_LIMITS, {"experiment": experiment})
    if not limits:
        return None
    query = (
        sa.select(attempts.c.started_at, attempts.c.ended_at, attempts.c.gpus)
        .add_columns(trials.c.heartbeat_at, trials.c.driver)
        .join(trials, trials.c.trial_id == attempts.c.trial_id)
        .where(attempts.c.experiment == experiment, attempts.c.started_at.is_not(None))
    )
    live_drivers = find_live_drivers(db)
    spent, hourly = dict.fromkeys(_UNITS, 0.0), dict.fromkeys(_UNITS, 0.0)
    for attempt in db.execute(query):
        runs = attempt.ended_at is None and attempt.driver in live_drivers
        for unit, devices in zip(_UNITS, (attempt.gpus, 1), strict=True):
            spent[unit] += _hours(attempt) * devices
            hourly[unit] += devices * runs
    return BudgetStatus(limits, spent, hourly)


def _hours(attempt: Any) -> float:
    end = attempt.ended_at or attempt.heartbeat_at or attempt.started_at
    hours: float = (end - attempt.started_at) / _HOUR
    return max(0.0, hours)
