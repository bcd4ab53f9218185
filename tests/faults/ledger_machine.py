"""A machine that does to the ledger whatever drivers and users may do, in any order."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Claim, State
from orchestrator.ledger.ledger import Ledger
from tests.faults.model import Model
from tests.faults.world import Process, Snapshot, World, enter
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members

_MEMBERS = {STUDY.name: ids(0, 1), ANOTHER.name: ids(1, 2)}  # they share a trial
TRIALS, EXPERIMENTS = ids(0, 1, 2), list(_MEMBERS)
_TRIALS, _EXPERIMENTS = st.sampled_from(TRIALS), st.sampled_from(EXPERIMENTS)
_HOSTS = st.sampled_from(["head", "head", "node"])
_NUMBERS = st.integers(0, 9)  # which of the drivers, or of the claims
_STEPS = st.integers(1, 5)
_MOST_DRIVERS = 5
_QUERIES = (
    "SELECT trial_id, state, driver, cancel_requested_at, step FROM trials",
    "SELECT trial_id, number, state FROM attempts",
    "SELECT experiment, driver, cancel_requested_at FROM leases",
)


def prepare(ledger: Ledger) -> Snapshot:
    """Record two experiments that share a trial."""
    ledger.add(STUDY, members(0, 1))
    ledger.add(ANOTHER, members(1, 2))
    return Snapshot(ledger)


class LedgerMachine(RuleBasedStateMachine):
    """The ledger and its model, to which the same is done."""

    def __init__(self, ledger: Ledger, snapshot: Snapshot) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._world = World()
        enter(self._world, self._patch)
        self._ledger = ledger
        self._model = Model(_MEMBERS)
        self._drivers: list[tuple[Driver, Process]] = []
        self._claims: list[tuple[Driver, Process, Claim]] = []
        snapshot.restore()

    @property
    def has_claims(self) -> bool:
        return bool(self._claims)

    def teardown(self) -> None:
        self._patch.undo()

    @precondition(lambda self: len(self._drivers) < _MOST_DRIVERS)
    @rule(host=_HOSTS)
    def begin_driver(self, host: str) -> None:
        process = self._world.begin_process(host)
        with self._world.at(process):
            driver = Driver(self._ledger._engine)
        self._drivers.append((driver, process))
        self._model.begin_driver(driver.driver_id, process, self._world.seconds)

    @precondition(lambda self: self._drivers)
    @rule(number=_NUMBERS, trial_id=_TRIALS)
    def claim(self, number: int, trial_id: str) -> None:
        driver, process = self._driver(number)
        with self._world.at(process):
            claims = driver.claim([trial_id])
        expected = self._model.claim(driver.driver_id, trial_id, self._world.seconds)
        assert [claim.attempt for claim in claims] == ([] if expected is None else [expected])
        self._claims += [(driver, process, claim) for claim in claims]

    @precondition(lambda self: self._claims)
    @rule(number=_NUMBERS, step=_STEPS)
    def start(self, number: int, step: int) -> None:
        driver, claim = self._claim(number)
        driver.start(claim, step, None)
        self._model.start(driver.driver_id, claim, step)

    @precondition(lambda self: self._claims)
    @rule(number=_NUMBERS, step=_STEPS)
    def beat(self, number: int, step: int) -> None:
        driver, claim = self._claim(number)
        driver.beat({claim: {"step": step}})
        self._model.beat(driver.driver_id, claim, step)

    @precondition(lambda self: self._claims)
    @rule(
        number=_NUMBERS,
        state=st.sampled_from([State.FINISHED, State.FAILED, State.PENDING]),
        repeats=st.booleans(),
    )
    def end(self, number: int, state: State, repeats: bool) -> None:
        """The end of an attempt; it is written twice if its confirmation was lost."""
        driver, claim = self._claim(number)
        for _ in range(1 + repeats):
            driver.end(claim, state)
        self._model.end(driver.driver_id, claim, state)

    @precondition(lambda self: self._drivers)
    @rule(number=_NUMBERS)
    def release(self, number: int) -> None:
        driver, process = self._driver(number)
        driver.release_claims()
        self._model.release(driver.driver_id)
        process.is_alive = False

    @precondition(lambda self: self._drivers)
    @rule(number=_NUMBERS)
    def kill(self, number: int) -> None:
        """A kill; what the driver has sent already may still arrive."""
        self._driver(number)[1].is_alive = False

    @rule(seconds=st.sampled_from([5.0, 30.0, 61.0, 75.0]), asleep=st.sets(_NUMBERS, max_size=3))
    def wait(self, seconds: float, asleep: set[int]) -> None:
        """Let time pass; some drivers are stopped or out of reach meanwhile."""
        end = self._world.seconds + seconds
        while self._world.seconds < end:
            self._world.seconds = min(end, self._world.seconds + 15.0)
            for number, (driver, process) in enumerate(self._drivers):
                if process.is_alive and number not in asleep:
                    self._touch(driver, process)

    @precondition(lambda self: self._drivers)
    @rule(
        number=_NUMBERS,
        trial_id=_TRIALS,
        state=st.sampled_from([State.FINISHED, State.FAILED, State.PENDING]),
    )
    def run_trial(self, number: int, trial_id: str, state: State) -> None:
        """An attempt from its start to its end, as most of them are."""
        count = len(self._claims)
        self.claim(number, trial_id)
        if len(self._claims) > count:
            self.start(0, step=0)
            self.end(0, state, repeats=False)

    @precondition(lambda self: len(self._drivers) > 1)
    @rule(
        number=_NUMBERS,
        trial_id=_TRIALS,
        seconds=st.sampled_from([30.0, 61.0]),
        is_outage=st.booleans(),
    )
    def fall_silent(self, number: int, trial_id: str, seconds: float, is_outage: bool) -> None:
        """A driver falls silent, alone or as all do, and the next one wants its trial."""
        self.claim(number, trial_id)
        asleep = set(range(_MOST_DRIVERS)) if is_outage else {number % len(self._drivers)}
        self.wait(seconds, asleep)
        self.claim(number + 1, trial_id)

    @rule()
    def wait_for_two_days(self) -> None:
        self._world.seconds += 2 * 86_400.0

    @precondition(lambda self: self._drivers)
    @rule(number=_NUMBERS)
    def touch(self, number: int) -> None:
        self._touch(*self._driver(number))

    @precondition(lambda self: self._drivers)
    @rule(number=_NUMBERS, experiment=_EXPERIMENTS)
    def take_lease(self, number: int, experiment: str) -> None:
        driver, process = self._driver(number)
        with self._world.at(process):
            has_lease = driver.take_lease(experiment)
        now = self._world.seconds
        assert has_lease == self._model.take_lease(driver.driver_id, experiment, now)

    @rule(trial_id=_TRIALS)
    def cancel_trial(self, trial_id: str) -> None:
        self._ledger.upkeep.cancel_trials([trial_id])
        self._model.cancel_trials([trial_id], self._live_drivers())

    @rule(experiment=_EXPERIMENTS)
    def cancel_experiment(self, experiment: str) -> None:
        self._ledger.upkeep.cancel_experiment(experiment)
        self._model.cancel_experiment(experiment, self._live_drivers())

    @rule(experiment=_EXPERIMENTS)
    def submit_again(self, experiment: str) -> None:
        self._ledger.upkeep.reopen(experiment)
        self._model.reopen(experiment, self._live_drivers())

    @invariant()
    def tables_are_as_the_model_says(self) -> None:
        with self._ledger._engine.connect() as db:
            trials, attempts, leases = (db.exec_driver_sql(q).fetchall() for q in _QUERIES)
        rows = sorted((t, state, d, c is not None, step) for t, state, d, c, step in trials)
        assert rows == self._model.rows()
        assert sorted(map(tuple, attempts)) == self._model.attempt_rows()
        leases_by_name = {name: (driver, c is not None) for name, driver, c in leases}
        assert leases_by_name == self._model.lease_rows()

    def _driver(self, number: int) -> tuple[Driver, Process]:
        return self._drivers[number % len(self._drivers)]

    def _claim(self, number: int) -> tuple[Driver, Claim]:
        driver, _, claim = self._claims[-1 - number % len(self._claims)]
        return driver, claim

    def _touch(self, driver: Driver, process: Process) -> None:
        with self._world.at(process):
            driver.touch()
        self._model.touch(driver.driver_id, self._world.seconds)

    def _live_drivers(self) -> set[str]:
        return self._model.live_drivers(self._world.here, self._world.seconds)


def run_machine(ledger: Ledger, snapshot: Snapshot, examples: int, steps: int = 12) -> None:
    """Run the machine; raise an AssertionError, with the shortest way to it, where it fails.

    Args:
        ledger: the ledger, which `prepare` has prepared.
        snapshot: its rows.
        examples: number of examples.
        steps: the most steps of one.
    """
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: LedgerMachine(ledger, snapshot), settings=profile)
