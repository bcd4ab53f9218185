"""The trials of an experiment that have not ended, in the order in which they should start."""

import functools
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.entries import OpenTrial, State
from orchestrator.ledger.tables import members, trials


def read_open_trials(
    db: Connection, experiment: str, other_drivers: Collection[str]
) -> list[OpenTrial]:
    """Return the trials that are pending or running, the next one to start first.

    Those of a higher priority come first, then teachers before all others, then the first seed of
    every cell before the second one: an interim report then compares cells evenly.

    Args:
        db: a connection.
        experiment: name of the experiment.
        other_drivers: ids of the live drivers besides the calling one.
    """
    rows = db.execute(_query(), {"experiment": experiment}).all()
    return [
        OpenTrial(
            trial_id, cell, seed, driver, driver in other_drivers, teacher, state and State(state)
        )
        for trial_id, driver, teacher, cell, seed, state in rows
    ]


@functools.cache
def _query() -> sa.Select[Any]:
    """Return the query, which takes longer to build than to run; it is run all the time."""
    teacher, student = trials.alias("teacher"), trials.alias("student")
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
    teachers = (
        sa.select(student.c.teacher)
        .join(members, members.c.trial_id == student.c.trial_id)
        .where(of_experiment, student.c.teacher.is_not(None))
    )
    return (
        sa.select(
            trials.c.trial_id, trials.c.driver, trials.c.teacher, rounds.c.cell, rounds.c.seed
        )
        .add_columns(teacher.c.state.label("teacher_state"))
        .join(rounds, rounds.c.trial_id == trials.c.trial_id)
        .outerjoin(teacher, teacher.c.trial_id == trials.c.teacher)
        .where(trials.c.state.in_([State.PENDING, State.RUNNING]))
        .order_by(
            rounds.c.priority.desc(),
            sa.case((trials.c.trial_id.in_(teachers), 0), else_=1),
            rounds.c.round,
            rounds.c.position,
            rounds.c.seed,
        )
    )
