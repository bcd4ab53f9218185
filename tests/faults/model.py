"""The ledger as plain Python: what its tables must say after anything that drivers may do."""

from collections.abc import Collection
from dataclasses import dataclass, field

from orchestrator.ledger.entries import OPEN_STATES, Claim, State
from tests.faults.world import Process

TIMEOUT_SECONDS = 60.0  # as `liveness` has it
_LONGEST_GAP_SECONDS = 20.0
_FORGET_SECONDS = 86_400.0


@dataclass
class TrialModel:
    state: State = State.PENDING
    driver: str | None = None
    cancel_requested: bool = False
    step: int = 0
    attempts: list[State] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def close_attempt(self, state: State = State.CANCELLED) -> None:
        if self.attempts and self.attempts[-1] in OPEN_STATES:
            self.attempts[-1] = state


@dataclass
class DriverModel:
    """A driver; `since` and `last` say how long it has been in contact with the ledger."""

    driver_id: str
    process: Process
    seen_at: float
    since: float
    last: float
    is_registered: bool = True

    def note_contact(self, now: float) -> None:
        if now - self.last > _LONGEST_GAP_SECONDS:
            self.since = now
        self.last = now

    @property
    def is_established(self) -> bool:
        return self.last - self.since >= TIMEOUT_SECONDS


@dataclass
class LeaseModel:
    driver: str
    is_cancelled: bool = False


class Model:
    """What a correct ledger says.

    Args:
        members: experiment -> its trials.
    """

    def __init__(self, members: dict[str, list[str]]) -> None:
        self.members = members
        self.trials = {trial: TrialModel() for trials in members.values() for trial in trials}
        self.drivers: dict[str, DriverModel] = {}
        self.leases: dict[str, LeaseModel] = {}

    def live_drivers(self, here: Process, now: float, trust_silence: bool = True) -> set[str]:
        return {
            name
            for name, driver in self.drivers.items()
            if driver.is_registered and self._is_alive(driver, here, now, trust_silence)
        }

    def _is_alive(
        self, driver: DriverModel, here: Process, now: float, trust_silence: bool
    ) -> bool:
        if driver.process.host == here.host and not driver.process.is_alive:
            return False
        return not (trust_silence and now - driver.seen_at > TIMEOUT_SECONDS)

    def others(self, name: str, now: float) -> set[str]:
        driver = self.drivers[name]
        driver.note_contact(now)
        return self.live_drivers(driver.process, now, driver.is_established) - {name}

    def begin_driver(self, name: str, process: Process, now: float) -> None:
        alive = self.live_drivers(process, now, trust_silence=False)
        for driver in self.drivers.values():
            is_forgotten = driver.driver_id not in alive or now - driver.seen_at > _FORGET_SECONDS
            driver.is_registered &= not is_forgotten
        self.drivers[name] = DriverModel(name, process, now, now, now)

    def touch(self, name: str, now: float) -> None:
        driver = self.drivers[name]
        driver.seen_at, driver.is_registered = now, True
        driver.note_contact(now)

    def claim(self, name: str, trial_id: str, now: float) -> int | None:
        """Return the number of the attempt, or None if the trial may not be claimed."""
        trial, others = self.trials[trial_id], self.others(name, now)
        if not trial.is_open or trial.driver in others:
            return None
        if trial.cancel_requested:  # nobody runs it who could stop it
            self._cancel(trial)
            return None
        trial.close_attempt()
        trial.attempts.append(State.PENDING)
        trial.driver, trial.state = name, State.PENDING
        return len(trial.attempts)

    def _cancel(self, trial: TrialModel) -> None:
        trial.close_attempt()
        trial.state, trial.driver, trial.cancel_requested = State.CANCELLED, None, False

    def owns(self, name: str, claim: Claim) -> bool:
        trial = self.trials[claim.trial_id]
        is_newest = len(trial.attempts) == claim.attempt
        return trial.driver == name and is_newest and trial.attempts[-1] in OPEN_STATES

    def start(self, name: str, claim: Claim, step: int) -> None:
        if self.owns(name, claim):
            trial = self.trials[claim.trial_id]
            trial.state, trial.step = State.RUNNING, step
            trial.attempts[-1] = State.RUNNING

    def beat(self, name: str, claim: Claim, step: int) -> None:
        if self.owns(name, claim):
            self.trials[claim.trial_id].step = step

    def end(self, name: str, claim: Claim, state: State) -> None:
        if not self.owns(name, claim):
            return
        trial = self.trials[claim.trial_id]
        trial.close_attempt(State.FAILED if state == State.PENDING else state)
        if state == State.PENDING and trial.cancel_requested:
            state = State.CANCELLED
        trial.state, trial.driver, trial.cancel_requested = state, None, False

    def release(self, name: str) -> None:
        for trial in self.trials.values():
            if trial.driver == name:
                trial.close_attempt()
                trial.state, trial.driver = State.PENDING, None
                if trial.cancel_requested:
                    self._cancel(trial)
        for experiment, lease in list(self.leases.items()):
            if lease.driver == name and not lease.is_cancelled:
                del self.leases[experiment]
        self.drivers[name].is_registered = False

    def take_lease(self, name: str, experiment: str, now: float) -> bool:
        others, lease = self.others(name, now), self.leases.get(experiment)
        if lease is not None and lease.driver in others:
            return False
        if lease is None or lease.driver != name:
            self.leases[experiment] = LeaseModel(name)
        return True

    def cancel_trials(self, trial_ids: Collection[str], live: Collection[str]) -> None:
        for trial in (self.trials[trial_id] for trial_id in trial_ids):
            if trial.is_open and trial.driver in live:
                trial.cancel_requested = True
            elif trial.is_open:
                self._cancel(trial)

    def cancel_experiment(self, experiment: str, live: Collection[str]) -> None:
        driven = {name for name, lease in self.leases.items() if lease.driver in live}
        kept = {t for name in driven - {experiment} for t in self.members[name]}
        if experiment in self.leases:
            self.leases[experiment].is_cancelled = True
        self.cancel_trials([t for t in self.members[experiment] if t not in kept], live)

    def reopen(self, experiment: str, live: Collection[str]) -> None:
        for trial in (self.trials[trial_id] for trial_id in self.members[experiment]):
            if trial.driver not in live:
                trial.cancel_requested = False
            if trial.state in (State.FAILED, State.CANCELLED):
                trial.state = State.PENDING

    def rows(self) -> list[tuple[object, ...]]:
        """Return what the table of trials must hold."""
        return sorted(
            (name, str(t.state), t.driver, t.cancel_requested, t.step)
            for name, t in self.trials.items()
        )

    def lease_rows(self) -> dict[str, tuple[str, bool]]:
        """Return what the table of leases must hold."""
        return {name: (lease.driver, lease.is_cancelled) for name, lease in self.leases.items()}

    def attempt_rows(self) -> list[tuple[object, ...]]:
        """Return what the table of attempts must hold."""
        return sorted(
            (name, number, str(state))
            for name, trial in self.trials.items()
            for number, state in enumerate(trial.attempts, start=1)
        )
