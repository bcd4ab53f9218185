"""The two stores, opened in one place: the ledger and MLflow's tracking store.

Opening them imports SQLAlchemy and MLflow; importing this module imports neither.
"""

import atexit
import functools
import threading
from concurrent.futures import Future
from importlib import import_module
from typing import TYPE_CHECKING

from orchestrator.ledger.trial_names import check_name
from orchestrator.settings import Settings
from orchestrator.tracking.store import check_reachable
from vss.errors import UserError

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger
    from orchestrator.tracking.tracker import Tracker


class Stores:
    """The ledger (what was requested) and the tracking store (what was measured).

    Each is opened once, when it is first needed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._tracker: Future[Tracker] | None = None

    @functools.cached_property
    def ledger(self) -> "Ledger":
        """The ledger.

        Raises:
            UserError: if it cannot be reached.
        """
        return open_ledger(self.settings)

    @property
    def tracker(self) -> "Tracker":
        """The tracking store.

        Raises:
            UserError: if it cannot be reached.
        """
        try:
            return self.prepare_tracker().result()
        except BaseException:
            self._tracker = None  # the next call tries again
            raise

    def prepare_tracker(self) -> "Future[Tracker]":
        """Start to open the tracking store, which takes seconds, and return at once."""
        if self._tracker is None:
            self._tracker = Future()
            # A daemon: the import of MLflow never ends if Ctrl-C has interrupted another import,
            # and the process would wait for it.
            arguments = (self.settings, self._tracker)
            threading.Thread(target=_open_into, args=arguments, daemon=True).start()
        return self._tracker


def _open_into(settings: Settings, tracker: "Future[Tracker]") -> None:
    """Open the tracking store in a thread; the process ends only when its tables are complete."""
    wait = threading.current_thread().join
    try:
        check_tracking(settings)
        import_module("orchestrator.tracking.tracker")
        atexit.register(wait)
        tracker.set_result(open_tracker(settings))
    except BaseException as error:
        tracker.set_exception(error)
    finally:
        atexit.unregister(wait)


def open_ledger(settings: Settings) -> "Ledger":
    """Open the ledger; create its tables if necessary.

    Raises:
        UserError: if the store cannot be reached.
    """
    from orchestrator.ledger.ledger import Ledger

    return Ledger(settings.ledger_url)


def open_existing_ledger(settings: Settings, experiment: str | None = None) -> "Ledger":
    """Open the ledger for a command that reads it; a missing file is not created.

    Args:
        settings: the settings, with the address.
        experiment: an experiment that the ledger must have.

    Raises:
        UserError: if there is none, or it cannot be reached, or lacks the experiment.
    """
    check_ledger(settings, *([] if experiment is None else [experiment]))
    ledger = open_ledger(settings)
    if experiment is not None:
        ledger.experiment(experiment)
    return ledger


def check_ledger(settings: Settings, *names: str) -> None:
    """Refuse a missing ledger, and names that it lacks, before imports that take seconds.

    Args:
        settings: the settings, with the address.
        names: EXPERIMENT[:CELL[:SEED]]; a ledger that is not SQLite is not asked.

    Raises:
        UserError: if there is no ledger, or it lacks a name.
    """
    if not settings.has_ledger:
        raise UserError(
            f"nothing has been submitted in {settings.home}: submit a spec first, or check VSS_HOME"
        )
    for name in names:
        check_name(name, settings.ledger_url)


def check_tracking(settings: Settings) -> None:
    """Refuse an MLflow server that does not answer, before imports that take seconds.

    Raises:
        UserError: if it does not answer within a few seconds.
    """
    check_reachable(settings.tracking_uri)


def open_tracker(settings: Settings) -> "Tracker":
    """Open the tracking store; this takes seconds.

    Raises:
        UserError: if the store cannot be reached.
    """
    check_tracking(settings)
    from orchestrator.ledger.database import lock_tables
    from orchestrator.tracking.tracker import Tracker

    # MLflow makes its tables without a lock: two submits of a new home would make them twice.
    with lock_tables(settings.tracking_uri):
        return Tracker(settings.tracking_uri, settings.artifacts)
