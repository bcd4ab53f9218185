"""Cancelling: idle trials at once; running ones by a request that their driver sees in a second."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.control.entries import Cancellation
from orchestrator.ledger.control.leases import (
    read_driven_experiments,
    read_lease,
    request_end,
)
from orchestrator.ledger.entries import OPEN_STATES, State
from orchestrator.ledger.rows import end_lost_attempts
from orchestrator.ledger.tables import members, now, trials

_CHUNK = 500  # databases limit the length of a list of values
_IS_OPEN = trials.c.state.in_(OPEN_STATES)
# It is run all the time, and takes longer to build than to run.
_TRIALS_TO_STOP = sa.select(trials.c.trial_id).where(
    trials.c.trial_id.in_(sa.bindparam("ids", expanding=True)),
    trials.c.cancel_requested_at.is_not(None),
)


def cancel_experiment(
    db: Connection, experiment: str, live_drivers: Collection[str]
) -> Cancellation:
    """Cancel the open trials of an experiment, and ask its driver to end.

    Trials that a running experiment lists too are left to it.
    """
    lease = read_lease(db, experiment, live_drivers)
    request_end(db, experiment)
    query = (
        sa.select(trials.c.trial_id)
        .join(members, members.c.trial_id == trials.c.trial_id)
        .where(members.c.experiment == experiment, _IS_OPEN)
        .order_by(members.c.position)
    )
    trial_ids = list(db.scalars(query))
    others = read_driven_experiments(db, live_drivers) - {experiment}
    kept = _select_members(db, trial_ids, others)
    cancellation = cancel_trials(db, [t for t in trial_ids if t not in kept], live_drivers)
    return Cancellation(cancellation.cancelled, cancellation.stopping, kept, lease)


def cancel_trials(
    db: Connection, trial_ids: Sequence[str], live_drivers: Collection[str]
) -> Cancellation:
    """Cancel those of the trials that are open."""
    cancelled: list[str] = []
    stopping: list[str] = []
    for first in range(0, len(trial_ids), _CHUNK):
        chunk = trial_ids[first : first + _CHUNK]
        rows = trials.c.trial_id.in_(chunk)
        open_ids = set(db.scalars(sa.select(trials.c.trial_id).where(rows, _IS_OPEN)))
        # The request first: a driver that claims one of them meanwhile sees it.
        db.execute(sa.update(trials).where(rows, _IS_OPEN).values(cancel_requested_at=now()))
        is_idle = trials.c.driver.is_(None) | trials.c.driver.not_in(live_drivers)
        values = {"state": State.CANCELLED, "driver": None, "cancel_requested_at": None}
        db.execute(sa.update(trials).where(rows, _IS_OPEN, is_idle).values(values))
        still_open = set(db.scalars(sa.select(trials.c.trial_id).where(rows, _IS_OPEN)))
        cancelled += [t for t in chunk if t in open_ids - still_open]
        stopping += [t for t in chunk if t in still_open]
    end_lost_attempts(db, cancelled)
    return Cancellation(cancelled, stopping)


def grant_request(db: Connection, trial_id: str, driver: str | None) -> None:
    """Cancel a trial whose cancellation was requested from a driver that is gone.

    Args:
        db: a connection.
        trial_id: the trial.
        driver: the driver that had claimed it, or None; nothing changes if another one has by now.
    """
    unchanged = trials.c.driver.is_not_distinct_from(driver)
    is_requested = trials.c.cancel_requested_at.is_not(None)
    row = (trials.c.trial_id == trial_id) & _IS_OPEN & is_requested & unchanged
    values = {"state": State.CANCELLED, "driver": None, "cancel_requested_at": None}
    if db.execute(sa.update(trials).where(row).values(values)).rowcount == 1:
        end_lost_attempts(db, [trial_id])


def withdraw_requests(db: Connection, experiment: str, live_drivers: Collection[str]) -> None:
    """Forget the requests that a lost driver left undone: its trials may go on."""
    member_ids = sa.select(members.c.trial_id).where(members.c.experiment == experiment)
    is_idle = trials.c.driver.is_(None) | trials.c.driver.not_in(live_drivers)
    rows = trials.c.trial_id.in_(member_ids) & trials.c.cancel_requested_at.is_not(None) & is_idle
    db.execute(sa.update(trials).where(rows).values(cancel_requested_at=None))


def read_trials_to_stop(db: Connection, trial_ids: Sequence[str]) -> list[str]:
    """Return those of the trials that have been cancelled while they run."""
    if not trial_ids:
        return []
    return list(db.scalars(_TRIALS_TO_STOP, {"ids": list(trial_ids)}))


def _select_members(
    db: Connection, trial_ids: Sequence[str], experiments: Collection[str]
) -> dict[str, str]:
    """Return trial -> experiment for the trials that one of these experiments lists."""
    members_of_others: dict[str, str] = {}
    for first in range(0, len(trial_ids), _CHUNK):
        chunk = trial_ids[first : first + _CHUNK]
        query = sa.select(members.c.trial_id, members.c.experiment).where(
            members.c.trial_id.in_(chunk), members.c.experiment.in_(experiments)
        )
        members_of_others |= {row.trial_id: row.experiment for row in db.execute(query)}
    return members_of_others
