"""A schedule: what befalls the drivers of two experiments, all of it decided by one seed.

    python -m tests.faults.schedule SEED           # repeat one
    python -m tests.faults.schedule FIRST END      # run some

Losses of workers, drivers and memory, drivers that are stopped for longer than their lease, late,
doubled and reordered heartbeats, outages of the ledger before and after it has committed, orphans,
cancellations, budgets, and submits of the same experiment that take over.
"""

import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.execution.job import Job
from orchestrator.ledger.availability.liveness import DRIVER_TIMEOUT
from tests.faults.bench import Bench, open_bench
from tests.faults.fake_workers import FakeWorker, Odds, Storage
from tests.faults.study import ORDER, SOURCE_OF, TRIAL_IDS, experiment
from tests.faults.submit import Submit
from tests.faults.world import World, enter

_FAULTY_TURNS = (2, 6)  # at least and at most
_MOST_TURNS = 120  # after which a schedule counts as hung
_MOST_SUBMITS = 3
_SILENT = "SELECT driver FROM drivers WHERE seen_at <"
_TINY_BUDGET = '{"trial_hours": 1e-9}'  # used up by the first attempt


class Schedule:
    """One seed's schedule, in a world of its own."""

    def __init__(self, seed: int, bench: Bench) -> None:
        self._rng = rng = random.Random(seed)
        self._ledger, self._outage, self._settings = bench.ledger, bench.outage, bench.settings
        self._world = World()
        self._storage = Storage()
        self._submits: list[Submit] = []
        self._ended: list[Submit] = []  # in the order of their ends
        self._orphans: list[FakeWorker] = []
        self._retries = rng.randrange(3)
        self._on_failure = rng.choice(["continue"] * 5 + ["stop"])
        self._odds = Odds(rng.choice([0, 0.1, 0.3]), rng.choice([0, 0.1]), rng.choice([0, 0.05]))
        self._is_calm = False
        self._has_tiny_budget = rng.random() < 0.1
        bench.snapshot.restore()

    def run(self) -> None:
        """Let it all happen, and check that it comes to a good end.

        Raises:
            AssertionError: if something is wrong.
        """
        if self._has_tiny_budget:
            self._execute(f"UPDATE experiments SET budget = '{_TINY_BUDGET}'")
        self._submit("study")
        faulty_turns = self._rng.randint(*_FAULTY_TURNS)
        try:
            for turn in range(_MOST_TURNS):
                if turn < faulty_turns:
                    self._do_harm()
                elif turn == faulty_turns:
                    self._end_all_harm()
                self._pass_turn(self._rng.choice([2, 5, 9]) if turn < faulty_turns else 19)
                if turn > faulty_turns and all(submit.is_over for submit in self._submits):
                    break
            else:
                raise AssertionError(f"still running after {_MOST_TURNS} turns")
            self._check_end()
        finally:
            self._outage.turns_left = 0
            for submit in self._submits:
                submit.kill()

    def _pass_turn(self, seconds: float) -> None:
        self._world.seconds += seconds
        for submit in self._submits:
            submit.executor.advance()
        for worker in self._orphans:
            worker.advance(self._rng, self._odds)
        self._orphans = [w for w in self._orphans if w.outcome is None and self._rng.random() < 0.8]
        for submit in self._rng.sample(self._submits, len(self._submits)):
            is_late = not self._is_calm and self._rng.random() < 0.2
            if self._world.seconds >= submit.asleep_until and not is_late:
                submit.live()
                self._note_end(submit)
        self._outage.turns_left = max(0, self._outage.turns_left - 1)

    def _note_end(self, submit: Submit) -> None:
        if submit.is_over and submit not in self._ended:
            self._ended.append(submit)

    def _do_harm(self) -> None:
        rng, chance = self._rng, self._rng.random()
        submit = rng.choice(self._submits)
        if chance < 0.08:
            self._kill(submit)
        elif chance < 0.14:
            submit.asleep_until = self._world.seconds + rng.choice([15, 70, 90])
        elif chance < 0.19:
            self._outage.turns_left = rng.randint(1, 4)
            self._outage.loses_confirmations = rng.random() < 0.5
        elif chance < 0.23:
            self._cancel(lambda: self._ledger.upkeep.cancel_trials([rng.choice(TRIAL_IDS)]))
        elif chance < 0.25:
            self._cancel(lambda: self._ledger.upkeep.cancel_experiment(submit.name))
        elif chance < 0.28:
            submit.stop.stop_all()
        elif chance < 0.43 and len(self._submits) < _MOST_SUBMITS:
            self._submit(rng.choice(["study", "another"]))

    def _cancel(self, call: Callable[[], object]) -> None:
        if not self._outage.turns_left:  # else a user sees the error, and tries again later
            call()

    def _kill(self, submit: Submit) -> None:
        if not submit.is_over:
            self._orphans += submit.executor.workers.values()
            submit.executor.workers = {}
            submit.kill()
            self._note_end(submit)

    def _submit(self, name: str) -> None:
        host = self._rng.choice(["head", "head", "head", "node"])
        submit = Submit(
            experiment(name, self._retries, self._on_failure),
            self._world.begin_process(host),
            self._world,
            self._ledger,
            self._storage,
            self._settings,
            self._rng,
            self,
        )
        submit.executor.odds, submit.executor.is_calm = self._odds, self._is_calm
        self._submits.append(submit)

    def _end_all_harm(self) -> None:
        """From here on nothing goes wrong; what has no driver any more is submitted again."""
        self._outage.turns_left = 0
        self._is_calm, self._odds = True, Odds()
        for submit in self._submits:
            submit.executor.odds, submit.executor.is_calm = self._odds, True
        names = {submit.name for submit in self._submits}
        driven = {submit.name for submit in self._submits if not submit.is_over}
        for name in sorted(names - driven):
            self._submit(name)

    def note_reopening(self) -> None:
        """Note that a submit has reopened what failed: all running ones may try it again."""
        for submit in self._submits:
            submit.retry_rule.forget()

    def check_start(self, submit: Submit, job: Job) -> None:
        name, trial_id = submit.name, job.trial_id
        assert not self._is_run_elsewhere(submit, trial_id), f"{trial_id} runs twice at once"
        assert submit.retry_rule.allows(trial_id), f"{trial_id} is tried again too often"
        assert not (self._has_tiny_budget and self._has_spent(name)), "the budget is used up"
        has_given_up = self._on_failure == "stop" and submit.retry_rule.has_given_up()
        assert not has_given_up, f"{trial_id} starts although a trial has failed"
        needs_device = submit.retry_rule.needs_device(trial_id)
        assert job.size.cpus > 1 or not needs_device, f"{trial_id} needs a device of its own"
        if job.size.cpus > 1:
            assert not submit.executor.workers, f"{trial_id} does not have its device alone"
        rows = self._read("SELECT trial_id, state, driver, cancel_requested_at FROM trials")
        by_id = {row[0]: row for row in rows}
        source = SOURCE_OF.get(trial_id)
        assert source is None or by_id[source][1] == "FINISHED", "a trial before its source"
        assert by_id[trial_id][3] is None, "a cancelled trial starts"
        if job.size.cpus == 1:
            self._check_order(name, trial_id, by_id)

    def _has_spent(self, name: str) -> bool:
        taken = "SELECT 1 FROM attempts WHERE ended_at > started_at AND experiment = "
        return bool(self._read(f"{taken}'{name}'"))

    def _check_order(self, name: str, trial_id: str, by_id: dict[str, Any]) -> None:
        """Check that no trial waits that should have started earlier."""
        for earlier in ORDER[name][: ORDER[name].index(trial_id)]:
            _, state, driver, cancelled = by_id[earlier]
            source = SOURCE_OF.get(earlier)
            is_ready = state == "PENDING" and driver is None and cancelled is None
            if source is not None:
                is_ready = is_ready and by_id[source][1] == "FINISHED"
            assert not is_ready, f"{trial_id} starts before {earlier}"

    def _is_run_elsewhere(self, submit: Submit, trial_id: str) -> bool:
        """Return whether a driver that has not been silent for too long runs a trial."""
        others = [s for s in self._submits if s is not submit and trial_id in s.executor.workers]
        long_ago = f"{self._world.now() - DRIVER_TIMEOUT:%Y-%m-%d %H:%M:%S.%f}"
        silent = {row[0] for row in self._read(f"{_SILENT} '{long_ago}'")} if others else set()
        return any(other.driver_id not in silent for other in others)

    def _check_end(self) -> None:
        rows = self._read("SELECT trial_id, state, driver, run_id FROM trials")
        attempts = sorted(self._read("SELECT trial_id, number, state FROM attempts"))
        lost_drivers = {submit.driver_id for submit in self._submits if submit.is_killed}
        for trial_id, state, driver, run_id in rows:
            ends = [end for trial, _, end in attempts if trial == trial_id]
            assert driver is None or driver in lost_drivers, f"{trial_id} is still claimed"
            if driver is None:
                assert state != "RUNNING", f"{trial_id} is still running"
                assert not {"PENDING", "RUNNING"} & set(ends), f"{trial_id} has an open attempt"
            assert ends.count("FINISHED") == (state == "FINISHED"), f"{trial_id}: {ends}"
            if state == "FINISHED":
                assert ends[-1] == "FINISHED", f"{trial_id}: {ends}"
                assert run_id == self._storage.runs[trial_id], f"{trial_id} lost its run"
                assert self._storage.directory(trial_id).is_finished
        self._check_left_open({row[0]: row[1] for row in rows})

    def _check_left_open(self, states: dict[str, str]) -> None:
        """Check that no trial has been left, unless its last submit had a reason to."""
        for trial_id in TRIAL_IDS:
            submits = [submit for submit in self._ended if trial_id in ORDER[submit.name]]
            is_open = states[trial_id] in ("PENDING", "RUNNING")
            waits = states.get(SOURCE_OF.get(trial_id, "")) in ("CANCELLED", "PENDING")
            if submits and is_open and not waits:
                assert self._may_leave(submits[-1]), f"{trial_id} has been left"

    def _may_leave(self, submit: Submit) -> bool:
        """Return whether a submit had a reason to leave trials that have not ended."""
        was_stopped = submit.is_killed or submit.stop.is_for_all()
        has_ended = was_stopped or self._ledger.is_cancelled(submit.name)
        return has_ended or self._has_tiny_budget or self._on_failure == "stop"

    def _read(self, query: str) -> list[Any]:
        connection = self._ledger._engine.raw_connection()
        return connection.cursor().execute(query).fetchall()

    def _execute(self, statement: str) -> None:
        with self._ledger._engine.begin() as db:
            db.exec_driver_sql(statement)


def run_schedule(seed: int, bench: Bench) -> None:
    """Run one schedule.

    Raises:
        AssertionError: naming the seed, if something is wrong.
    """
    with pytest.MonkeyPatch.context() as patch:
        schedule = Schedule(seed, bench)
        enter(schedule._world, patch)
        try:
            schedule.run()
        except Exception as error:
            raise AssertionError(
                f"{type(error).__name__}: {error}; repeat it with: "
                f"python -m tests.faults.schedule {seed}"
            ) from error


def main(first: int, end: int) -> None:
    """Run schedules, up to the first that goes wrong."""
    with open_bench() as bench:
        for seed in range(first, end):
            run_schedule(seed, bench)


if __name__ == "__main__":
    seeds = [int(argument) for argument in sys.argv[1:]]
    main(seeds[0], seeds[1] if len(seeds) > 1 else seeds[0] + 1)
