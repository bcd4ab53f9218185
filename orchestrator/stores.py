"""The two stores, opened in one place: the ledger and MLflow's tracking store.

Opening them imports SQLAlchemy and MLflow; importing this module imports neither.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.settings import Settings

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger
    from orchestrator.tracking.tracker import Tracker


@dataclass(frozen=True)
class Stores:
    """The ledger (what was requested) and the tracking store (what was measured)."""

    ledger: "Ledger"
    tracker: "Tracker"


def open_stores(settings: Settings) -> Stores:
    """Open both stores.

    Raises:
        UserError: if one cannot be reached.
    """
    return Stores(open_ledger(settings), open_tracker(settings))


def open_ledger(settings: Settings) -> "Ledger":
    """Open the ledger; create its tables if necessary.

    Raises:
        UserError: if the store cannot be reached.
    """
    from orchestrator.ledger.ledger import Ledger

    return Ledger(settings.ledger_url)


def open_tracker(settings: Settings) -> "Tracker":
    """Open the tracking store; this takes seconds.

    Raises:
        UserError: if the store cannot be reached.
    """
    from orchestrator.tracking.tracker import Tracker

    return Tracker(settings.tracking_uri, settings.artifacts)
