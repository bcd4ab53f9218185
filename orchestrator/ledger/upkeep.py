"""The ledger's side of upkeep: what a user can do to trials while no driver runs them."""

from collections.abc import Collection, Sequence

from sqlalchemy.engine import Connection, Engine

from orchestrator.ledger.availability.liveness import find_live_drivers, forget_dead_drivers
from orchestrator.ledger.control.cancellation import (
    cancel_experiment,
    cancel_trials,
    withdraw_requests,
)
from orchestrator.ledger.control.entries import Cancellation
from orchestrator.ledger.control.leases import check_not_driven
from orchestrator.ledger.database import begin_registration
from orchestrator.ledger.entries import Deletion, State, StoredTrial
from orchestrator.ledger.removal import (
    check_not_held,
    delete_experiment,
    delete_trials,
    read_deletion,
    read_needed_ids,
    read_stopped_samples,
    read_stored_trials,
    reset_trials,
)


class Upkeep:
    """Trials that are cancelled, tried again or deleted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cancel_experiment(self, experiment: str) -> Cancellation:
        """Cancel the trials of an experiment that have not ended, and ask its driver to end.

        Trials that a running experiment lists too are left to it.
        """
        with self._engine.begin() as db:
            return cancel_experiment(db, experiment, find_live_drivers(db))

    def cancel_trials(self, trial_ids: Sequence[str]) -> Cancellation:
        """Cancel those of the trials that have not ended; a driver stops those that run."""
        with self._engine.begin() as db:
            return cancel_trials(db, trial_ids, find_live_drivers(db))

    def reopen(self, experiment: str) -> None:
        """Make the trials of an experiment that failed or were cancelled PENDING again.

        Samples that failed stay as they are once the search of their cell is over.
        """
        with self._engine.begin() as db:
            withdraw_requests(db, experiment, find_live_drivers(db))
            states = [State.FAILED, State.CANCELLED]
            reset_trials(db, experiment, states, keep_searches=True)

    def retry(self, experiment: str, states: Collection[State]) -> int:
        """Make the trials that are in one of these states PENDING again, and count them.

        Raises:
            UserError: if a live driver holds one of them.
        """
        with self._engine.begin() as db:
            return reset_trials(db, experiment, states)

    def forget_dead_drivers(self) -> int:
        """Delete the rows of drivers that were killed, and return their number."""
        with self._engine.begin() as db:
            return forget_dead_drivers(db)

    def plan_deletion(self, experiment: str) -> Deletion:
        """Return the trials that deleting an experiment would delete, and those that would stay.

        Raises:
            UserError: if a live driver runs the experiment, or holds one of its trials.
        """
        with self._engine.connect() as db:
            return _read_deletion(db, experiment)

    def delete(self, experiment: str) -> Deletion:
        """Delete an experiment, and the trials that no other experiment lists.

        Raises:
            UserError: if a live driver runs the experiment, or holds one of its trials.
        """
        with begin_registration(self._engine) as db:
            deletion = _read_deletion(db, experiment)
            delete_experiment(db, experiment)
            delete_trials(db, [trial.trial_id for trial in deletion.own])
        return deletion

    def find_orphans(self, trial_ids: Sequence[str]) -> dict[str, StoredTrial | None]:
        """Return the trials that no experiment lists, as the ledger has them; else None.

        Raises:
            UserError: if a live driver holds one of them.
        """
        with self._engine.connect() as db:
            orphans = _select_orphans(db, trial_ids)
            rows = read_stored_trials(db, orphans)
        return {trial_id: rows.get(trial_id) for trial_id in orphans}

    def delete_orphans(self, trial_ids: Sequence[str]) -> list[str]:
        """Delete those of the trials that still no experiment lists, and return them.

        Raises:
            UserError: if a live driver holds one of them.
        """
        with begin_registration(self._engine) as db:
            orphans = _select_orphans(db, trial_ids)
            delete_trials(db, orphans)
        return orphans

    def find_stopped_samples(self, experiment: str | None = None) -> list[str]:
        """Return the finished samples that stopped early, and that no search needs any more.

        Args:
            experiment: the experiment that lists them; None for all.
        """
        with self._engine.connect() as db:
            return read_stopped_samples(db, experiment)


def _read_deletion(db: Connection, experiment: str) -> Deletion:
    check_not_driven(db, experiment, find_live_drivers(db))
    deletion = read_deletion(db, experiment)
    check_not_held(db, [trial.trial_id for trial in [*deletion.own, *deletion.shared]])
    return deletion


def _select_orphans(db: Connection, trial_ids: Sequence[str]) -> list[str]:
    needed_ids = read_needed_ids(db)
    orphans = [trial_id for trial_id in trial_ids if trial_id not in needed_ids]
    check_not_held(db, orphans)
    return orphans
