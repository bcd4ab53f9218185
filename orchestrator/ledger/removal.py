"""Rows that leave the ledger: those of an experiment, or those of trials that nobody asks for."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.availability.liveness import find_live_drivers
from orchestrator.ledger.entries import Deletion, State, StoredTrial
from orchestrator.ledger.tables import (
    attempts,
    dependencies,
    drivers,
    experiments,
    leases,
    members,
    trials,
)
from vss.errors import UserError

_CHUNK = 500  # databases limit the length of a list of values


def read_deletion(db: Connection, experiment: str) -> Deletion:
    """Return the trials of an experiment, parted by whether another experiment lists them."""
    others = members.alias()
    is_listed = sa.exists().where(
        others.c.trial_id == trials.c.trial_id, others.c.experiment != experiment
    )
    is_shared = is_listed | _is_needed(others, others.c.experiment != experiment)
    query = (
        sa.select(trials.c.trial_id, trials.c.state, trials.c.run_id, is_shared.label("shared"))
        .add_columns(members.c.sample)
        .join(members, members.c.trial_id == trials.c.trial_id)
        .where(members.c.experiment == experiment)
        .order_by(members.c.position)
    )
    rows = db.execute(query).all()
    return Deletion(
        own=[_stored_trial(row, row.sample) for row in rows if not row.shared],
        shared=[_stored_trial(row, row.sample) for row in rows if row.shared],
    )


def read_needed_ids(db: Connection) -> set[str]:
    """Return the trials that an experiment lists, and those that an unfinished one of them needs.

    A specification lists the sources of all its trials, but a ledger may list trials otherwise.
    """
    listed = set(db.scalars(sa.select(members.c.trial_id).distinct()))
    others = members.alias()
    needed = sa.select(trials.c.trial_id).where(_is_needed(others, sa.true()))
    return listed | set(db.scalars(needed))


def _is_needed(others: sa.FromClause, condition: sa.ColumnElement[bool]) -> sa.Exists:
    """Return whether an unfinished trial that `others` lists depends on the trial of a query."""
    dependent = trials.alias()
    return sa.exists().where(
        dependencies.c.source == trials.c.trial_id,
        dependent.c.trial_id == dependencies.c.trial_id,
        dependent.c.state != State.FINISHED,
        others.c.trial_id == dependent.c.trial_id,
        condition,
    )


def read_stopped_samples(db: Connection, experiment: str | None) -> list[str]:
    """Return the finished samples that stopped early and whose searches are all over.

    A search is over once its cell has trials of the study.
    """
    others = members.alias()
    is_searched = sa.exists().where(
        others.c.trial_id == trials.c.trial_id,
        others.c.sample.is_not(None),
        ~_has_study_trials(others),
    )
    query = (
        sa.select(trials.c.trial_id, trials.c.settings)
        .join(members, members.c.trial_id == trials.c.trial_id)
        .where(members.c.sample.is_not(None), trials.c.state == State.FINISHED, ~is_searched)
        .distinct()
    )
    if experiment is not None:
        query = query.where(members.c.experiment == experiment)
    rows = db.execute(query).all()
    return [row.trial_id for row in rows if json.loads(row.settings).get("stop_step")]


def _has_study_trials(listed: sa.FromClause) -> sa.Exists:
    """Return whether the cell of a listed trial has trials of the study."""
    studied = members.alias()
    return sa.exists().where(
        studied.c.experiment == listed.c.experiment,
        studied.c.cell == listed.c.cell,
        studied.c.sample.is_(None),
    )


def read_stored_trials(db: Connection, trial_ids: Sequence[str]) -> dict[str, StoredTrial]:
    """Return the trials among `trial_ids` that the ledger has, by trial_id."""
    trials_by_id: dict[str, StoredTrial] = {}
    for first in range(0, len(trial_ids), _CHUNK):
        chunk = trial_ids[first : first + _CHUNK]
        for row in db.execute(sa.select(trials).where(trials.c.trial_id.in_(chunk))):
            trials_by_id[row.trial_id] = _stored_trial(row)
    return trials_by_id


def delete_experiment(db: Connection, experiment: str) -> None:
    """Delete an experiment, its membership and the lease of a lost driver; its trials stay."""
    db.execute(sa.delete(leases).where(leases.c.experiment == experiment))
    db.execute(sa.delete(members).where(members.c.experiment == experiment))
    db.execute(sa.delete(experiments).where(experiments.c.name == experiment))
    # An experiment of that name that is submitted later begins with its whole budget.
    spent = attempts.c.experiment == experiment
    db.execute(sa.update(attempts).where(spent).values(experiment=None))


def delete_trials(db: Connection, trial_ids: Sequence[str]) -> None:
    """Delete trials and their attempts; no experiment may list them."""
    for first in range(0, len(trial_ids), _CHUNK):
        chunk = trial_ids[first : first + _CHUNK]
        db.execute(sa.delete(attempts).where(attempts.c.trial_id.in_(chunk)))
        db.execute(sa.delete(dependencies).where(dependencies.c.trial_id.in_(chunk)))
        db.execute(sa.delete(trials).where(trials.c.trial_id.in_(chunk)))


def reset_trials(
    db: Connection, experiment: str, states: Collection[State], keep_searches: bool = False
) -> int:
    """Make the trials of an experiment that are in one of these states PENDING; count them.

    Args:
        db: a connection.
        experiment: name of the experiment.
        states: the states.
        keep_searches: whether to leave out samples of cells that have trials of the study: their
            search is over.

    Raises:
        UserError: if a live driver holds one of them.
    """
    query = (
        sa.select(trials.c.trial_id)
        .join(members, members.c.trial_id == trials.c.trial_id)
        .where(members.c.experiment == experiment, trials.c.state.in_(states))
    )
    if keep_searches:
        query = query.where(members.c.sample.is_(None) | ~_has_study_trials(members))
    trial_ids = list(db.scalars(query))
    check_not_held(db, trial_ids)
    values = {"message": None, "driver": None, "cancel_requested_at": None}
    for first in range(0, len(trial_ids), _CHUNK):
        rows = trials.c.trial_id.in_(trial_ids[first : first + _CHUNK])
        db.execute(sa.update(trials).where(rows).values(state=State.PENDING, **values))
    return len(trial_ids)


def check_not_held(db: Connection, trial_ids: Sequence[str]) -> None:
    """Check that no live driver has claimed one of these trials.

    Raises:
        UserError: if one has, naming its host and process.
    """
    live_drivers = find_live_drivers(db)
    query = sa.select(trials.c.trial_id, drivers.c.driver, drivers.c.host, drivers.c.pid).join(
        drivers, drivers.c.driver == trials.c.driver
    )
    checked = set(trial_ids)
    for row in db.execute(query):
        if row.trial_id in checked and row.driver in live_drivers:
            raise UserError(
                f"trial {row.trial_id} belongs to a submit that is running on {row.host} "
                f"(process {row.pid}): stop it first"
            )


def _stored_trial(row: Any, sample: int | None = None) -> StoredTrial:
    return StoredTrial(row.trial_id, State(row.state), row.run_id, sample is not None)
