"""The cleaning of the storage: trial directories that no experiment asks for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.ledger.entries import StoredTrial
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.storage import Storage
from orchestrator.stores import Stores
from vss.errors import UserError

# An import copies a directory before the ledger has its trial.
_SECONDS_OF_AN_IMPORT = 3600


@dataclass(frozen=True)
class Leftover:
    """A trial directory that no experiment asks for.

    Attributes:
        trial_id: name of the directory.
        trial: the trial in the ledger, or None if the ledger does not have it.
        size_bytes: the size of all its files.
        changed_at: the time of its last change, in seconds since 1970.
    """

    trial_id: str
    trial: StoredTrial | None
    size_bytes: int
    changed_at: float


def check_ledger_exists(settings: Settings) -> None:
    """Check that there is a ledger, as opening a missing one would create an empty one.

    Raises:
        UserError: if there is none.
    """
    if not settings.has_ledger:
        raise UserError(
            f"nothing has been submitted in {settings.home}, so nothing says which directories in "
            f"{settings.storage} are needed; check VSS_HOME and VSS_LEDGER_URL"
        )


def find_leftovers(ledger: Ledger, settings: Settings) -> list[Leftover]:
    """Return the trial directories in the storage that no experiment asks for.

    Directories that the ledger has no trial for are left out if they changed in the last hour.

    Raises:
        UserError: if the storage seems to belong to another ledger, or a live driver holds a trial
            of one of the directories.
    """
    trial_ids = settings.storage.find_trials()
    orphans = ledger.upkeep.find_orphans(trial_ids)
    if trial_ids and len(orphans) == len(trial_ids) and not any(orphans.values()):
        raise UserError(
            f"the ledger knows none of the trials in {settings.storage}: check VSS_HOME and "
            "VSS_LEDGER_URL; if these directories are leftovers, remove them by hand"
        )
    leftovers = [
        _leftover(trial_id, orphans[trial_id], settings.storage)
        for trial_id in trial_ids
        if trial_id in orphans
    ]
    newest = time.time() - _SECONDS_OF_AN_IMPORT
    return [item for item in leftovers if item.trial is not None or item.changed_at < newest]


def remove_leftovers(leftovers: Sequence[Leftover], stores: Stores) -> list[Leftover]:
    """Remove directories with their trials and runs; return those that were removed.

    A directory that an experiment has asked for since it was listed stays.

    Raises:
        UserError: if a live driver holds a trial of one of them.
    """
    removed_ids = set(stores.ledger.upkeep.delete_orphans([item.trial_id for item in leftovers]))
    removed_leftovers = [item for item in leftovers if item.trial_id in removed_ids]
    run_ids = [item.trial.run_id for item in removed_leftovers if item.trial is not None]
    stores.tracker.delete_runs(run_id for run_id in run_ids if run_id is not None)
    for item in removed_leftovers:
        stores.settings.storage.remove(item.trial_id)
    return removed_leftovers


def _leftover(trial_id: str, trial: StoredTrial | None, storage: Storage) -> Leftover:
    files = storage.list_files(trial_id).values()
    size_bytes = sum(file.size_bytes for file in files)
    changed_at = max((file.changed_at for file in files), default=0.0)
    return Leftover(trial_id, trial, size_bytes, changed_at)
