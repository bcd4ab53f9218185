"""The ledger's side of a driver: a process that claims trials and writes their states."""

import os
import socket
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from orchestrator.ledger.availability.liveness import (
    Contact,
    find_live_drivers,
    forget_dead_drivers,
)
from orchestrator.ledger.availability.outage import LedgerUnreachableError
from orchestrator.ledger.control.cancellation import grant_request, read_trials_to_stop
from orchestrator.ledger.control.leases import is_asked_to_end, release_leases, take_lease
from orchestrator.ledger.entries import OPEN_STATES, Claim, OpenTrial, State
from orchestrator.ledger.open_trials import read_open_trials
from orchestrator.ledger.overview.attempt_status import LOST_DRIVER
from orchestrator.ledger.rows import (
    CLAIMED_ATTEMPT,
    CLAIMED_TRIAL,
    end_lost_attempts,
    read_trials,
    update_unfinished,
)
from orchestrator.ledger.tables import attempts, drivers, now, trials
from orchestrator.secrecy import redact


class Driver:
    """A process that claims trials, so that no other process trains them at the same time."""

    def __init__(self, engine: Engine, job: str | None = None) -> None:
        """Register the driver.

        Args:
            engine: the database.
            job: the id of the Ray job that this process is; None in a user's terminal.
        """
        self._engine = engine
        self.driver_id = str(uuid.uuid4())
        self._job = job
        self._contact = Contact()
        with engine.begin() as db:
            forget_dead_drivers(db)
        self.touch()

    def touch(self) -> None:
        """Show other drivers that this one is alive."""
        with self._engine.begin() as db:
            row = drivers.c.driver == self.driver_id
            update = db.execute(sa.update(drivers).where(row).values(seen_at=now()))
            if update.rowcount == 0:
                process = {"host": socket.gethostname(), "pid": os.getpid(), "job": self._job}
                db.execute(
                    sa.insert(drivers).values(driver=self.driver_id, **process, seen_at=now())
                )
        self._contact.note()

    def set_activity(self, activity: str | None) -> None:
        """Say what this driver does while no trial runs; None when it is over."""
        row = drivers.c.driver == self.driver_id
        with self._engine.begin() as db:
            db.execute(sa.update(drivers).where(row).values(activity=activity))

    def take_lease(self, experiment: str) -> bool:
        """Take the lease of an experiment; return False if another live driver has it."""
        with self._engine.begin() as db:
            return take_lease(db, experiment, self.driver_id, self._find_others(db))

    def read_stop_requests(self, trial_ids: Sequence[str]) -> tuple[bool, list[str]]:
        """Return what this driver should stop.

        Args:
            trial_ids: the trials that it runs.

        Returns:
            whether it should end, and those of the trials that have been cancelled.
        """
        with self._engine.connect() as db:
            should_end = is_asked_to_end(db, self.driver_id)
            return should_end, read_trials_to_stop(db, trial_ids)

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

    def claim(
        self, trial_ids: Sequence[str], experiment: str | None = None, gpus: float = 0.0
    ) -> list[Claim]:
        """Claim the trials that have not finished and that no other live driver has claimed.

        Args:
            trial_ids: the trials.
            experiment: the experiment whose budget the attempts count for.
            gpus: the number of GPUs that each of them holds.
        """
        claims = []
        with self._engine.begin() as db:
            other_drivers = self._find_others(db)
            rows = read_trials(db, trial_ids)
            # A trial may have been deleted since the caller read its id.
            for row in (rows[trial_id] for trial_id in trial_ids if trial_id in rows):
                if row.state not in OPEN_STATES or row.driver in other_drivers:
                    continue
                if row.cancel_requested_at is not None:  # the driver that should stop it is gone
                    grant_request(db, row.trial_id, row.driver)
                    continue
                # Two drivers may read the same row, but only the first update finds it unchanged.
                unchanged = trials.c.driver.is_not_distinct_from(row.driver)
                update = (
                    update_unfinished(row.trial_id)
                    .where(unchanged)
                    # A trial may have been cancelled meanwhile.
                    .where(trials.c.state.in_(OPEN_STATES), trials.c.cancel_requested_at.is_(None))
                )
                values = {"driver": self.driver_id, "state": State.PENDING, "message": None}
                if db.execute(update.values(values)).rowcount == 1:
                    claims.append(_next_attempt(db, row, experiment, gpus))
        return claims

    def start(self, claim: Claim, first_step: int, run_id: str | None) -> None:
        """Record that a worker has started an attempt."""
        attempt = {"state": State.RUNNING, "first_step": first_step, "started_at": now()}
        values: dict[str, Any] = {
            "state": State.RUNNING, "step": first_step, "heartbeat_at": now(),
            "loss": None, "miou": None, "waiting_for": None,
        }  # fmt: skip
        if run_id is not None:  # it may be opened later
            values["run_id"] = run_id
        with self._engine.begin() as db:
            self._update_attempt(db, claim, **attempt)
            self._update_trial(db, claim, **values)

    def beat(self, beats: Mapping[Claim, Mapping[str, Any]]) -> None:
        """Write the latest step, loss, mIoU and wait of running trials, and their runs."""
        with self._engine.begin() as db:
            for claim, values in beats.items():
                self._update_trial(db, claim, **values, heartbeat_at=now())

    def end(
        self,
        claim: Claim,
        state: State,
        message: str | None = None,
        details: str | None = None,
        score: float | None = None,
        was_stopped: bool = False,
        last_values: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Record the end of an attempt, together with its last heartbeat.

        Args:
            claim: the claim of the attempt.
            state: FINISHED, FAILED, or PENDING to go on later; a trial that has been cancelled
                becomes CANCELLED instead of PENDING.
            message: one line for the user; only for FAILED.
            details: the worker's error with its traceback; stored with the attempt.
            score: mIoU on the scored split; only for FINISHED.
            was_stopped: whether the attempt did not fail, but was stopped.
            last_values: what `beat` would write; one transaction is faster than two.
        """
        attempt_state = State.FAILED if state == State.PENDING else state
        if was_stopped:
            attempt_state = State.CANCELLED
        values: dict[str, Any] = {
            **last_values, **({"heartbeat_at": now()} if last_values else {}),
            "state": state, "score": score, "cancel_requested_at": None,
            "finished_at": now() if state == State.FINISHED else None,
        }  # fmt: skip
        if state == State.PENDING:
            is_cancelled = trials.c.cancel_requested_at.is_not(None)
            values["state"] = sa.case((is_cancelled, State.CANCELLED), else_=State.PENDING)
        values["message"] = message and redact(message)
        details = details and redact(details)
        with self._engine.begin() as db:
            # The attempt first: what ends the claim on the trial also ends the right to write.
            self._update_attempt(db, claim, state=attempt_state, ended_at=now(), message=details)
            self._update_trial(db, claim, **values, driver=None)

    def release_claims(self) -> None:
        """Release all claims and leases, and unregister the driver.

        Trials that still run, as the user did not wait for them to stop, become pending again. If
        the ledger is out of reach, all of it lapses once this process has ended.
        """
        is_claimed = trials.c.driver == self.driver_id
        with suppress(LedgerUnreachableError), self._engine.begin() as db:
            claimed_ids = sa.select(trials.c.trial_id).where(is_claimed)
            is_open = attempts.c.state.in_(OPEN_STATES) & attempts.c.trial_id.in_(claimed_ids)
            left = {"state": State.CANCELLED, "ended_at": now(), "message": LOST_DRIVER}
            db.execute(sa.update(attempts).where(is_open).values(left))
            is_cancelled = trials.c.cancel_requested_at.is_not(None)
            state = sa.case((is_cancelled, State.CANCELLED), else_=State.PENDING)
            values = {"state": state, "driver": None, "cancel_requested_at": None}
            is_open_trial = is_claimed & trials.c.state.in_(OPEN_STATES)
            db.execute(sa.update(trials).where(is_open_trial).values(values))
            db.execute(sa.update(trials).where(is_claimed).values(driver=None))
            release_leases(db, self.driver_id)
            db.execute(sa.delete(drivers).where(drivers.c.driver == self.driver_id))

    def _find_others(self, db: Connection) -> set[str]:
        """Return the ids of all other drivers that are alive, or may be."""
        self._contact.note()
        return find_live_drivers(db, self._contact.is_established) - {self.driver_id}

    def _update_trial(self, db: Connection, claim: Claim, **values: Any) -> None:
        db.execute(CLAIMED_TRIAL.values(values), self._keys(claim))

    def _update_attempt(self, db: Connection, claim: Claim, **values: Any) -> None:
        """Write an attempt that is open, unless another driver has claimed its trial."""
        db.execute(CLAIMED_ATTEMPT.values(values), self._keys(claim))

    def _keys(self, claim: Claim) -> dict[str, Any]:
        return {"claimed": claim.trial_id, "number_of_claim": claim.attempt, "by": self.driver_id}


def _next_attempt(db: Connection, row: Any, experiment: str | None, gpus: float) -> Claim:
    same_trial = attempts.c.trial_id == row.trial_id
    number = db.execute(sa.select(sa.func.max(attempts.c.number)).where(same_trial)).scalar()
    if number is not None:
        end_lost_attempts(db, [row.trial_id])
    claim = Claim(row.trial_id, (number or 0) + 1, row.run_id)
    values = {"trial_id": claim.trial_id, "number": claim.attempt, "state": State.PENDING}
    db.execute(sa.insert(attempts).values(values | {"experiment": experiment, "gpus": gpus}))
    return claim
