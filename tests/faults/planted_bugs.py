"""Bugs put in on purpose, and which test must notice each of them.

Each one breaks a property on which users rely. A new property of the ledger or of the driver needs
its bug here, or nobody knows whether a test would notice it broken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.execution.trials.recorder import Recorder
from orchestrator.execution.trials.retries import Retries
from orchestrator.execution.trials.trial_queue import TrialQueue
from orchestrator.ledger import driver, upkeep
from orchestrator.ledger.availability import liveness
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Claim, OpenTrial, State
from orchestrator.ledger.tables import attempts, drivers, trials
from orchestrator.tracking.outbox import Outbox
from tests.faults.world import World
from vss.trial_directory import TrialDirectory

MACHINE, SCHEDULES, POINTS, DIRECTORY = "machine", "schedules", "points", "directory"


@dataclass(frozen=True)
class Bug:
    """A bug: how it is planted, and the test that must fail then.

    A rare one names the first seed to try, as hundreds before it would notice nothing.
    """

    name: str
    plant: Callable[[pytest.MonkeyPatch], None]
    caught_by: str
    first_seed: int = 0


def _claim_without_owner_check(patch: pytest.MonkeyPatch) -> None:
    claim = Driver.claim

    def careless(self: Driver, *arguments: Any) -> list[Claim]:
        with patch.context() as during_the_claim:
            during_the_claim.setattr(Driver, "_find_others", lambda self, db: set())
            return claim(self, *arguments)

    patch.setattr(Driver, "claim", careless)


def _claim_of_a_cancelled_trial(patch: pytest.MonkeyPatch) -> None:
    claim = Driver.claim

    def careless(self: Driver, trial_ids: Any, *arguments: Any) -> list[Claim]:
        with self._engine.begin() as db:
            rows = trials.c.trial_id.in_(trial_ids)
            db.execute(sa.update(trials).where(rows).values(cancel_requested_at=None))
        return claim(self, trial_ids, *arguments)

    patch.setattr(Driver, "claim", careless)


def _claim_of_a_finished_trial(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(driver, "OPEN_STATES", tuple(State))
    patch.setattr(
        driver, "update_unfinished", lambda name: sa.update(trials).where(trials.c.trial_id == name)
    )


def _write_of_an_older_attempt(patch: pytest.MonkeyPatch) -> None:
    def careless(self: Driver, db: Any, claim: Claim, **values: Any) -> None:
        rows = (trials.c.trial_id == claim.trial_id) & (trials.c.driver == self.driver_id)
        db.execute(sa.update(trials).where(rows).values(values))

    patch.setattr(Driver, "_update_trial", careless)


def _write_of_a_lost_driver(patch: pytest.MonkeyPatch) -> None:
    def careless(self: Driver, db: Any, claim: Claim, **values: Any) -> None:
        rows = trials.c.trial_id == claim.trial_id
        db.execute(sa.update(trials).where(rows).values(values))

    patch.setattr(Driver, "_update_trial", careless)


def _end_written_twice(patch: pytest.MonkeyPatch) -> None:
    def careless(self: Driver, db: Any, claim: Claim, **values: Any) -> None:
        rows = (attempts.c.trial_id == claim.trial_id) & (attempts.c.number == claim.attempt)
        db.execute(sa.update(attempts).where(rows).values(values))

    patch.setattr(Driver, "_update_attempt", careless)


def _lost_attempts_stay_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(driver, "end_lost_attempts", lambda db, trial_ids: None)


def _silent_drivers_live_for_ever(patch: pytest.MonkeyPatch) -> None:
    is_alive = liveness._is_alive
    patch.setattr(liveness, "_is_alive", lambda row, trust_silence: is_alive(row, False))


def _killed_drivers_count_as_alive(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(World, "send_signal", lambda self, pid, number: None)


def _drivers_expire_too_soon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(liveness, "DRIVER_TIMEOUT", liveness.DRIVER_TIMEOUT / 4)


def _silence_in_an_outage_kills(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(liveness.Contact, "is_established", True)


def _lease_taken_from_a_live_driver(patch: pytest.MonkeyPatch) -> None:
    take_lease = driver.take_lease
    patch.setattr(driver, "take_lease", lambda db, name, by, others: take_lease(db, name, by, ()))


def _release_leaves_claims(patch: pytest.MonkeyPatch) -> None:
    def careless(self: Driver) -> None:
        with self._engine.begin() as db:
            db.execute(sa.delete(drivers).where(drivers.c.driver == self.driver_id))

    patch.setattr(Driver, "release_claims", careless)


def _cancellation_of_a_lost_driver_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(driver, "grant_request", lambda db, trial_id, driver: None)


def _cancellation_takes_running_trials(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(upkeep, "find_live_drivers", lambda db: set())


def _submit_reopens_finished_trials(patch: pytest.MonkeyPatch) -> None:
    reset = upkeep.reset_trials
    patch.setattr(
        upkeep,
        "reset_trials",
        lambda db, name, states, **options: reset(db, name, [*states, State.FINISHED], **options),
    )


def _retry_without_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Retries, "_is_worth_another_attempt", lambda self, trial_id, failure: True)


def _no_device_of_its_own(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrialQueue, "_is_alone", lambda self, trial: False)


def _failure_stops_nothing(patch: pytest.MonkeyPatch) -> None:
    never = property(lambda self: False, lambda self, value: None)
    patch.setattr(Retries, "any_final", never, raising=False)


def _student_before_its_teacher(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpenTrial, "can_start", lambda self: not self.is_elsewhere)


def _student_of_a_failed_teacher_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrialQueue, "_fail_dependents", lambda self, trials: False)


def _budget_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrialQueue, "_is_budget_used_up", lambda self, trials: False)


def _order_ignored(patch: pytest.MonkeyPatch) -> None:
    read = driver.read_open_trials
    patch.setattr(driver, "read_open_trials", lambda *arguments: read(*arguments)[::-1])


def _running_trials_offered_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recorder, "held", frozenset())


def _ends_lost_in_an_outage(patch: pytest.MonkeyPatch) -> None:
    def careless(self: Recorder, write: Callable[[], None]) -> None:
        if self.outage is None:
            self._writes.append(write)
            self._try_flush()

    patch.setattr(Recorder, "_write", careless)


def _points_not_fenced(patch: pytest.MonkeyPatch) -> None:
    nothing = property(lambda self: lambda: None, lambda self, check: None)
    patch.setattr(Outbox, "check_owner", nothing, raising=False)


def _directory_not_fenced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrialDirectory, "_check_owner", lambda self: None)


_on_machine = partial(Bug, caught_by=MACHINE)
_in_schedules = partial(Bug, caught_by=SCHEDULES)
BUGS = [
    _on_machine("a claim ignores who owns the trial", _claim_without_owner_check),
    _on_machine("a cancelled trial is claimed", _claim_of_a_cancelled_trial),
    _on_machine("a finished trial is claimed", _claim_of_a_finished_trial),
    _on_machine("a heartbeat ignores the attempt", _write_of_an_older_attempt),
    _on_machine("a lost driver writes", _write_of_a_lost_driver),
    _on_machine("the end of an attempt is written twice", _end_written_twice),
    _on_machine("attempts of lost drivers stay open", _lost_attempts_stay_open),
    _on_machine("silent drivers live for ever", _silent_drivers_live_for_ever),
    _on_machine("killed drivers count as alive", _killed_drivers_count_as_alive),
    _on_machine("drivers expire too soon", _drivers_expire_too_soon),
    _on_machine("silence in an outage kills", _silence_in_an_outage_kills),
    _on_machine("a lease is taken from a live driver", _lease_taken_from_a_live_driver),
    _on_machine("a driver leaves its claims", _release_leaves_claims),
    _on_machine(
        "a cancellation gets lost with its driver", _cancellation_of_a_lost_driver_is_forgotten
    ),
    _on_machine("a cancellation takes running trials", _cancellation_takes_running_trials),
    _on_machine("a submit reopens finished trials", _submit_reopens_finished_trials),
    _in_schedules("retries have no limit", _retry_without_limit),
    _in_schedules("no device of its own after a lack of memory", _no_device_of_its_own),
    _in_schedules("on_failure: stop stops nothing", _failure_stops_nothing, first_seed=162),
    _in_schedules("a student starts before its teacher", _student_before_its_teacher),
    _in_schedules("a student waits for a failed teacher", _student_of_a_failed_teacher_waits),
    _in_schedules("the budget is ignored", _budget_ignored),
    _in_schedules("the order is ignored", _order_ignored),
    _in_schedules("a running trial is started again", _running_trials_offered_again),
    _in_schedules("ends get lost in an outage", _ends_lost_in_an_outage, first_seed=60),
    Bug("an overtaken attempt writes points", _points_not_fenced, POINTS),
    Bug("an older attempt writes its directory", _directory_not_fenced, DIRECTORY),
]
