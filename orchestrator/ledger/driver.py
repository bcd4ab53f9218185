"""The ledger's side of a driver: a process that claims trials and writes their states."""

import os
import socket
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from orchestrator.ledger.availability.liveness import Contact, find_live_drivers
from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.entries import Claim, OpenTrial, State
from orchestrator.ledger.open_trials import read_open_trials
from orchestrator.ledger.rows import read_trials, update_unfinished
from orchestrator.ledger.tables import attempts, drivers, members, now, trials


class Driver:
    """A process that claims trials, so that no other process trains them at the same time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.driver_id = str(uuid.uuid4())
        self._contact = Contact()
        self.touch()

    def touch(self) -> None:
        """Show other drivers that this one is alive."""
        with self._engine.begin() as db:
            row = drivers.c.driver == self.driver_id
            update = db.execute(sa.update(drivers).where(row).values(seen_at=now()))
            if update.rowcount == 0:
                process = {"host": socket.gethostname(), "pid": os.getpid()}
                db.execute(
                    sa.insert(drivers).values(driver=self.driver_id, **process, seen_at=now())
                )
        self._contact.note()

    def reopen(self, experiment: str) -> None:
        """Make the trials of an experiment that failed or were cancelled pending again."""
        member_ids = sa.select(members.c.trial_id).where(members.c.experiment == experiment)
        has_ended = trials.c.state.in_([State.FAILED, State.CANCELLED])
        with self._engine.begin() as db:
            update = sa.update(trials).where(trials.c.trial_id.in_(member_ids), has_ended)
            db.execute(update.values(state=State.PENDING, message=None))

    def open_trials(self, experiment: str, held: Collection[str] = ()) -> list[OpenTrial]:
        """Return the trials of an experiment that have not ended, the next one to start first.

        Args:
            experiment: name of the experiment.
            held: ids of the trials that this driver is running, which are left out. A claim whose
                confirmation was lost in an outage is none of them.
        """
        with self._engine.connect() as db:
            open_trials = read_open_trials(db, experiment, self._find_others(db))
        return [trial for trial in open_trials if trial.trial_id not in held]

    def claim(self, trial_ids: Sequence[str]) -> list[Claim]:
        """Claim the trials that have not finished and that no other live driver has claimed."""
        claims = []
        with self._engine.begin() as db:
            other_drivers = self._find_others(db)
            rows = read_trials(db, trial_ids)
            # A trial may have been deleted since the caller read its id.
            for row in (rows[trial_id] for trial_id in trial_ids if trial_id in rows):
                if row.state == State.FINISHED or row.driver in other_drivers:
                    continue
                # Two drivers may read the same row, but only the first update finds it unchanged.
                unchanged = trials.c.driver.is_not_distinct_from(row.driver)
                update = db.execute(
                    update_unfinished(row.trial_id)
                    .where(unchanged)
                    .values(driver=self.driver_id, state=State.PENDING, message=None)
                )
                if update.rowcount == 1:
                    claims.append(_next_attempt(db, row))
        return claims

    def start(self, claim: Claim, first_step: int, run_id: str | None) -> None:
        """Record that a worker has started an attempt."""
        attempt = {"state": State.RUNNING, "first_step": first_step, "started_at": now()}
        values = {"state": State.RUNNING, "step": first_step, "heartbeat_at": now()}
        with self._engine.begin() as db:
            self._update_attempt(db, claim, **attempt)
            self._update_trial(db, claim, **values, loss=None, miou=None, run_id=run_id)

    def beat(self, beats: Mapping[Claim, Mapping[str, Any]]) -> None:
        """Write the latest step, loss and mIoU of running trials."""
        with self._engine.begin() as db:
            for claim, values in beats.items():
                self._update_trial(db, claim, **values, heartbeat_at=now())

    def end(
        self,
        claim: Claim,
        state: State,
        message: str | None,
        details: str | None,
        score: float | None = None,
    ) -> None:
        """Record the end of an attempt.

        Args:
            claim: the claim of the attempt.
            state: FINISHED, FAILED, CANCELLED (stopped by the user), or PENDING to try again.
            message: one line for the user; only for FAILED.
            details: the worker's error with its traceback; stored with the attempt.
            score: mIoU on the scored split; only for FINISHED.
        """
        attempt_state = State.FAILED if state == State.PENDING else state
        finished_at = now() if state == State.FINISHED else None
        values = {"state": state, "message": message, "finished_at": finished_at, "score": score}
        with self._engine.begin() as db:
            # The attempt first: what ends the claim on the trial also ends the right to write.
            self._update_attempt(db, claim, state=attempt_state, ended_at=now(), message=details)
            self._update_trial(db, claim, **values, driver=None)

    def release_claims(self) -> None:
        """Release all claims and unregister the driver.

        If the ledger is out of reach, they lapse once this process has ended.
        """
        claimed_trials = trials.c.driver == self.driver_id
        with suppress(LedgerUnreachableError), self._engine.begin() as db:
            db.execute(sa.update(trials).where(claimed_trials).values(driver=None))
            db.execute(sa.delete(drivers).where(drivers.c.driver == self.driver_id))

    def _find_others(self, db: Connection) -> set[str]:
        """Return the ids of all other drivers that are alive, or may be."""
        self._contact.note()
        return find_live_drivers(db, self._contact.is_established) - {self.driver_id}

    def _update_trial(self, db: Connection, claim: Claim, **values: Any) -> None:
        newest = sa.select(sa.func.max(attempts.c.number)).where(
            attempts.c.trial_id == claim.trial_id
        )
        still_claimed = trials.c.driver == self.driver_id
        is_newest = newest.scalar_subquery() == claim.attempt
        update = update_unfinished(claim.trial_id).where(still_claimed, is_newest)
        db.execute(update.values(values))

    def _update_attempt(self, db: Connection, claim: Claim, **values: Any) -> None:
        """Write an attempt that is open, unless another driver has claimed its trial."""
        still_claimed = sa.exists().where(
            trials.c.trial_id == claim.trial_id, trials.c.driver == self.driver_id
        )
        row = (attempts.c.trial_id == claim.trial_id) & (attempts.c.number == claim.attempt)
        is_open = attempts.c.state.in_([State.PENDING, State.RUNNING])
        db.execute(sa.update(attempts).where(row, is_open, still_claimed).values(values))


def _next_attempt(db: Connection, row: Any) -> Claim:
    same_trial = attempts.c.trial_id == row.trial_id
    unfinished = attempts.c.state.in_([State.PENDING, State.RUNNING])
    db.execute(
        sa.update(attempts)
        .where(same_trial, unfinished)
        .values(state=State.CANCELLED, ended_at=now(), message="its driver was lost")
    )
    number = db.execute(sa.select(sa.func.max(attempts.c.number)).where(same_trial)).scalar()
    claim = Claim(row.trial_id, (number or 0) + 1, row.run_id)
    values = {"trial_id": claim.trial_id, "number": claim.attempt, "state": State.PENDING}
    db.execute(sa.insert(attempts).values(values))
    return claim
