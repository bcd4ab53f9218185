"""The drivers that are alive, as far as the ledger and this process can tell."""

import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.tables import drivers, now

# A driver that has been silent for this long counts as dead.
DRIVER_TIMEOUT = timedelta(seconds=60)
_FORGET_AFTER = timedelta(days=1)
_LONGEST_GAP_SECONDS = 20.0  # drivers write every 10 seconds
_ALL_DRIVERS = sa.select(drivers)  # takes longer to build than to run; it is run all the time


class Contact:
    """The contact of a process with the ledger.

    While the ledger was out of reach, all drivers were silent. So another driver may be declared
    dead only by one that has itself been in contact for a whole timeout.

    Args:
        clock: a clock that counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = self._last = clock()

    def note(self) -> None:
        """Note that the ledger has answered."""
        now = self._clock()
        if now - self._last > _LONGEST_GAP_SECONDS:
            self._since = now
        self._last = now

    @property
    def is_established(self) -> bool:
        """Whether it has lasted for a whole timeout, without a gap."""
        return self._last - self._since >= DRIVER_TIMEOUT.total_seconds()


def find_live_drivers(db: Connection, trust_silence: bool = True) -> set[str]:
    """Return the ids of the drivers whose process is alive.

    Args:
        db: a connection.
        trust_silence: whether a driver on another machine counts as dead after a timeout.
    """
    return {row.driver for row in db.execute(_ALL_DRIVERS) if _is_alive(row, trust_silence)}


def forget_dead_drivers(db: Connection) -> int:
    """Delete the rows of drivers that were killed, and return their number.

    One on another machine may only be out of reach; it stays for a day, and registers again if it
    comes back later.
    """
    long_ago = now() - _FORGET_AFTER
    dead_drivers = [
        row.driver
        for row in db.execute(_ALL_DRIVERS)
        if row.seen_at < long_ago or not _is_alive(row, trust_silence=False)
    ]
    db.execute(sa.delete(drivers).where(drivers.c.driver.in_(dead_drivers)))
    return len(dead_drivers)


def _is_alive(driver: Any, trust_silence: bool) -> bool:
    is_silent = now() - driver.seen_at > DRIVER_TIMEOUT
    if driver.host != socket.gethostname():
        return not (is_silent and trust_silence)
    try:
        os.kill(driver.pid, 0)  # signal 0 only checks that the process exists
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # the process exists, and belongs to another user
    return not (is_silent and trust_silence)
