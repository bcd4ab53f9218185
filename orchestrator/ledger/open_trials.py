"""The trials of an experiment that have not ended, in the order in which they should start."""

import functools
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.entries import OpenTrial, SourceTrial, State
from orchestrator.ledger.tables import dependencies, members, trials

_OPEN = (State.PENDING, State.RUNNING)


def read_open_trials(
    db: Connection, experiment: str, other_drivers: Collection[str]
) -> list[OpenTrial]:
    """Return the trials that are pending or running, the next one to start first.

    Those of a higher priority come first, then those that others depend on, then the first seed of
    every cell before the second one: an interim report then compares cells evenly.

    Args:
        db: a connection.
        experiment: name of the experiment.
        other_drivers: ids of the live drivers besides the calling one.
    """
    rows = db.execute(_query(), {"experiment": experiment}).all()
    sources = _read_sources(db, experiment) if rows else {}
    return [
        OpenTrial(
            trial_id,
            cell,
            seed,
            driver,
            driver in other_drivers,
            sources.get(trial_id, ()),
            sample,
        )
        for trial_id, driver, cell, seed, sample in rows
    ]


def _read_sources(db: Connection, experiment: str) -> dict[str, tuple[SourceTrial, ...]]:
    """Return the sources of each open trial that has some."""
    sources: dict[str, tuple[SourceTrial, ...]] = {}
    for trial_id, source, setting, state in db.execute(_source_query(), {"experiment": experiment}):
        trial = SourceTrial(source, setting, state and State(state))
        sources[trial_id] = (*sources.get(trial_id, ()), trial)
    return sources


@functools.cache
def _query() -> sa.Select[Any]:
    """Return the query, which takes longer to build than to run; it is run all the time."""
    of_experiment = members.c.experiment == sa.bindparam("experiment")
    rounds = (  # 1 for the first seed of each cell, 2 for the second ...
        sa.select(
            members,
            sa.func.row_number()
            .over(partition_by=members.c.cell, order_by=(members.c.position, members.c.seed))
            .label("round"),
        )
        .where(of_experiment)
        .subquery()
    )
    sources = (
        sa.select(dependencies.c.source)
        .join(members, members.c.trial_id == dependencies.c.trial_id)
        .where(of_experiment)
    )
    return (
        sa.select(trials.c.trial_id, trials.c.driver, rounds.c.cell, rounds.c.seed, rounds.c.sample)
        .join(rounds, rounds.c.trial_id == trials.c.trial_id)
        .where(trials.c.state.in_(_OPEN))
        .order_by(
            rounds.c.priority.desc(),
            sa.case((trials.c.trial_id.in_(sources), 0), else_=1),
            rounds.c.round,
            rounds.c.position,
            rounds.c.seed,
        )
    )


@functools.cache
def _source_query() -> sa.Select[Any]:
    source = trials.alias("source")
    return (
        sa.select(
            dependencies.c.trial_id, dependencies.c.source, dependencies.c.setting, source.c.state
        )
        .join(members, members.c.trial_id == dependencies.c.trial_id)
        .join(trials, trials.c.trial_id == dependencies.c.trial_id)
        .outerjoin(source, source.c.trial_id == dependencies.c.source)
        .where(members.c.experiment == sa.bindparam("experiment"), trials.c.state.in_(_OPEN))
        .order_by(dependencies.c.setting)
    )
