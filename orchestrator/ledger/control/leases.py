"""Leases: at most one live driver per experiment runs it, measures it and writes its report.

Drivers of different experiments that share trials agree on these trial by trial, by their claims.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.control.entries import Lease
from orchestrator.ledger.tables import drivers, leases, now
from vss.errors import UserError

# Queries that are run all the time, and take longer to build than to run.
_LEASE = (
    sa.select(leases, drivers.c.host, drivers.c.pid, drivers.c.job, drivers.c.activity)
    .outerjoin(drivers, drivers.c.driver == leases.c.driver)
    .where(leases.c.experiment == sa.bindparam("name"))
)
_CANCELLED_LEASE = sa.select(leases.c.experiment).where(
    leases.c.driver == sa.bindparam("id"), leases.c.cancel_requested_at.is_not(None)
)


def take_lease(db: Connection, experiment: str, driver: str, live_drivers: Collection[str]) -> bool:
    """Let a driver have the lease of an experiment, unless another live one has it.

    Returns:
        whether the driver has it now.
    """
    row = _read(db, experiment)
    if row is None:
        return _insert(db, experiment, driver)
    if row.driver == driver:
        return True
    if row.driver in live_drivers:
        return False
    # Two drivers may read the same row, but only the first update finds it unchanged.
    unchanged = (leases.c.experiment == experiment) & (leases.c.driver == row.driver)
    values = {"driver": driver, "cancel_requested_at": None}
    return db.execute(sa.update(leases).where(unchanged).values(values)).rowcount == 1


def release_leases(db: Connection, driver: str) -> None:
    """Give up all leases of a driver.

    A cancelled one stays until the next submit takes it, so that attached ones know.
    """
    is_cancelled = leases.c.cancel_requested_at.is_not(None)
    db.execute(sa.delete(leases).where(leases.c.driver == driver, ~is_cancelled))


def read_lease(db: Connection, experiment: str, live_drivers: Collection[str]) -> Lease | None:
    """Return the lease of an experiment; None if no live driver has it."""
    row = _read(db, experiment)
    if row is None or row.driver not in live_drivers:
        return None
    is_cancelled = row.cancel_requested_at is not None
    return Lease(row.driver, row.host, row.pid, row.job, is_cancelled, row.activity)


def is_cancelled(db: Connection, experiment: str) -> bool:
    """Return whether an experiment has been cancelled since its last driver started."""
    row = _read(db, experiment)
    return row is not None and row.cancel_requested_at is not None


def read_driven_experiments(db: Connection, live_drivers: Collection[str]) -> set[str]:
    """Return the experiments that a live driver has the lease of."""
    rows = db.execute(sa.select(leases.c.experiment, leases.c.driver))
    return {row.experiment for row in rows if row.driver in live_drivers}


def request_end(db: Connection, experiment: str) -> None:
    """Ask the driver of an experiment to stop all of its trials and to end."""
    row = leases.c.experiment == experiment
    db.execute(sa.update(leases).where(row).values(cancel_requested_at=now()))


def is_asked_to_end(db: Connection, driver: str) -> bool:
    """Return whether a driver has been asked to end."""
    return db.execute(_CANCELLED_LEASE, {"id": driver}).first() is not None


def check_not_driven(db: Connection, experiment: str, live_drivers: Collection[str]) -> None:
    """Check that no live driver has the lease of an experiment.

    Raises:
        UserError: if one has, naming its host and process.
    """
    lease = read_lease(db, experiment, live_drivers)
    if lease is not None:
        raise UserError(
            f"experiment '{experiment}' is being run by {lease.describe()}: "
            f"stop it first with vss-orch cancel {experiment}"
        )


def _read(db: Connection, experiment: str) -> Any:
    return db.execute(_LEASE, {"name": experiment}).first()


def _insert(db: Connection, experiment: str, driver: str) -> bool:
    try:
        with db.begin_nested():
            db.execute(sa.insert(leases).values(experiment=experiment, driver=driver))
    except sa.exc.IntegrityError:  # another driver was faster
        return False
    return True
