"""The trials of one experiment, with the start of their newest attempt."""

import json
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.availability.liveness import find_live_drivers
from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.entries import OPEN_STATES, State, TrialStatus
from orchestrator.ledger.overview.attempt_status import LOST_DRIVER, AttemptStatus
from orchestrator.ledger.tables import attempts, members, trials


def read_trial_statuses(db: Connection, experiment: str) -> list[TrialStatus]:
    """Return the trials of an experiment, in the order of its spec."""
    # Subqueries for each trial of the experiment: a join would group the attempts of all trials.
    starts = attempts.alias("starts")
    has_started = (starts.c.trial_id == trials.c.trial_id) & starts.c.started_at.is_not(None)
    count = sa.select(sa.func.count()).where(has_started).scalar_subquery()
    newest = sa.select(sa.func.max(starts.c.number)).where(has_started).scalar_subquery()
    is_newest = (attempts.c.trial_id == trials.c.trial_id) & (attempts.c.number == newest)
    query = (
        sa.select(trials, members.c.cell, members.c.seed, count.label("count"))
        .add_columns(members.c.sample)
        .add_columns(attempts.c.first_step, attempts.c.started_at, attempts.c.ended_at)
        .join(members, members.c.trial_id == trials.c.trial_id)
        .outerjoin(attempts, is_newest)
        .where(members.c.experiment == experiment)
        .order_by(members.c.position, members.c.seed)
    )
    live_drivers = find_live_drivers(db)
    return [_status(row, live_drivers) for row in db.execute(query)]


def read_durations(db: Connection) -> list[tuple[dict[str, Any], float]]:
    """Return the settings of each trial that finished at its first attempt, and its seconds."""
    query = (
        sa.select(trials.c.settings, attempts.c.started_at, attempts.c.ended_at)
        .join(attempts, attempts.c.trial_id == trials.c.trial_id)
        .where(trials.c.state == State.FINISHED, attempts.c.state == State.FINISHED)
        .where(attempts.c.first_step == 0, attempts.c.started_at.is_not(None))
    )
    rows = [row for row in db.execute(query) if row.ended_at is not None]
    return [
        (json.loads(row.settings), (row.ended_at - row.started_at).total_seconds()) for row in rows
    ]


def read_attempts(db: Connection, trial_id: str) -> list[AttemptStatus]:
    """Return the attempts at a trial, oldest first; one whose driver was lost is CANCELLED."""
    columns = ("number", "state", "first_step", "started_at", "ended_at", "message")
    query = (
        sa.select(*(attempts.c[name] for name in columns), trials.c.driver)
        .join(trials, trials.c.trial_id == attempts.c.trial_id)
        .where(attempts.c.trial_id == trial_id)
        .order_by(attempts.c.number)
    )
    live_drivers = find_live_drivers(db)
    return [_attempt_status(row, live_drivers) for row in db.execute(query)]


def _attempt_status(row: Any, live_drivers: Collection[str]) -> AttemptStatus:
    """Return an attempt; if its driver was lost, as the next claim of the trial will record it."""
    values = {**row._mapping, "state": State(row.state)}
    driver = values.pop("driver")
    if row.state in OPEN_STATES and driver not in live_drivers:
        values |= {"state": State.CANCELLED, "message": LOST_DRIVER}
    return AttemptStatus(**values)


def _status(row: Any, live_drivers: Collection[str]) -> TrialStatus:
    is_running = row.state == State.RUNNING and row.driver in live_drivers
    is_abandoned = row.state == State.RUNNING and not is_running
    return TrialStatus(
        trial_id=row.trial_id,
        cell=row.cell,
        seed=row.seed,
        settings=json.loads(row.settings),
        state=State.PENDING if is_abandoned else State(row.state),
        attempts=row.count,
        message=row.message,
        run_id=row.run_id,
        step=row.step,
        loss=row.loss,
        miou=row.miou,
        first_step=row.first_step or 0,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        ended_at=row.ended_at,
        score=row.score,
        waiting_for=Pause.from_json(row.waiting_for) if row.waiting_for and is_running else None,
        sample=row.sample,
    )
