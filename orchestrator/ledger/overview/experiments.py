"""Experiments, with the number of their trials in each state and the drivers that run them."""

from collections import Counter, defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.availability.liveness import find_live_drivers
from orchestrator.ledger.entries import ExperimentStatus, State
from orchestrator.ledger.overview.budget import read_budget
from orchestrator.ledger.tables import drivers, experiments, leases, members, trials

_OPEN_STATES = (State.PENDING, State.RUNNING)


def read_experiment_statuses(db: Connection, name: str | None = None) -> list[ExperimentStatus]:
    """Return all experiments, newest last; or the one with a name, if the ledger has it."""
    is_chosen = sa.true() if name is None else experiments.c.name == name
    is_member = sa.true() if name is None else members.c.experiment == name
    counts, priorities = _count_trials(db, is_member)
    drivers_by_experiment = _find_drivers(db, is_member, counts)
    query = sa.select(experiments).where(is_chosen).order_by(experiments.c.created_at)
    return [
        ExperimentStatus(
            **{**row._mapping, "budget": read_budget(db, row.name) if row.budget else None},
            counts=dict(counts[row.name]),
            priority=priorities.get(row.name, 0),
            drivers=sorted(drivers_by_experiment[row.name]),
        )
        for row in db.execute(query)
    ]


def _count_trials(
    db: Connection, is_member: sa.ColumnElement[bool]
) -> tuple[dict[str, Counter[State]], dict[str, int]]:
    """Return the number of trials in each state, and the highest priority of those to come."""
    query = (
        sa.select(members.c.experiment, trials.c.state)
        .add_columns(sa.func.count().label("count"), sa.func.max(members.c.priority).label("top"))
        .join(trials, trials.c.trial_id == members.c.trial_id)
        .where(is_member)
        .group_by(members.c.experiment, trials.c.state)
    )
    counts: dict[str, Counter[State]] = defaultdict(Counter)
    priorities: dict[str, int] = {}
    for row in db.execute(query):
        counts[row.experiment][State(row.state)] = row[2]
        if row.state in _OPEN_STATES:
            priorities[row.experiment] = max(row.top, priorities.get(row.experiment, row.top))
    return counts, priorities


def _find_drivers(
    db: Connection, is_member: sa.ColumnElement[bool], counts: dict[str, Counter[State]]
) -> dict[str, set[str]]:
    """Return the live drivers of each experiment, and count abandoned trials as pending."""
    query = (
        sa.select(members.c.experiment, trials.c.state, trials.c.driver)
        .add_columns(drivers.c.host, drivers.c.pid, drivers.c.job)
        .join(trials, trials.c.trial_id == members.c.trial_id)
        .outerjoin(drivers, drivers.c.driver == trials.c.driver)
        .where(is_member, trials.c.state.in_(_OPEN_STATES))
        .where(trials.c.driver.is_not(None) | (trials.c.state == State.RUNNING))
    )
    live_drivers = find_live_drivers(db)
    names: dict[str, set[str]] = defaultdict(set)
    for lease in db.execute(
        sa.select(leases.c.experiment, drivers).join(drivers, drivers.c.driver == leases.c.driver)
    ):
        if lease.driver in live_drivers:
            names[lease.experiment].add(_name(lease))
    for row in db.execute(query):
        if row.driver in live_drivers:
            names[row.experiment].add(_name(row))
        elif row.state == State.RUNNING:
            counts[row.experiment] += Counter({State.PENDING: 1})
            counts[row.experiment] -= Counter({State.RUNNING: 1})
    return names


def _name(driver: Any) -> str:
    return f"{driver.host} ({driver.job or f'process {driver.pid}'})"
