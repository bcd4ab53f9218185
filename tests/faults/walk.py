"""A random walk of the ledger's machine: without Hypothesis, so that a bug is found in a second."""

import random

from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from tests.faults.ledger_machine import EXPERIMENTS, TRIALS, LedgerMachine
from tests.faults.world import Snapshot

_MOVES = {
    "begin_driver": 1,
    "claim": 4,
    "start": 4,
    "beat": 4,
    "end": 2,
    "run_trial": 2,
    "release": 1,
    "kill": 1,
    "fall_silent": 4,
    "take_lease": 3,
    "cancel_trial": 2,
    "cancel_experiment": 1,
    "submit_again": 2,
}
_ENDS = [State.FINISHED, State.FAILED, State.PENDING]


def walk(ledger: Ledger, snapshot: Snapshot, seed: int, steps: int = 40) -> None:
    """Do something random to the ledger, step by step.

    Raises:
        AssertionError: if the ledger and its model differ.
    """
    rng = random.Random(seed)
    machine = LedgerMachine(ledger, snapshot)
    try:
        for host in ("head", "head", "node"):
            machine.begin_driver(host)
        for name in rng.choices(list(_MOVES), list(_MOVES.values()), k=steps):
            _move(machine, name, rng)
            machine.tables_are_as_the_model_says()
    finally:
        machine.teardown()


def _move(machine: LedgerMachine, name: str, rng: random.Random) -> None:
    number, trial_id, experiment = rng.randrange(3), rng.choice(TRIALS), rng.choice(EXPERIMENTS)
    match name:
        case "begin_driver":
            machine.begin_driver(rng.choice(["head", "node"]))
        case "start" | "beat" | "end" if not machine.has_claims:
            machine.claim(number, trial_id)
        case "start" | "beat":
            getattr(machine, name)(number, rng.randint(1, 5))
        case "end":
            machine.end(number, rng.choice(_ENDS), rng.random() < 0.5)
        case "claim":
            machine.claim(number, trial_id)
        case "run_trial":
            machine.run_trial(number, trial_id, rng.choice(_ENDS))
        case "fall_silent":
            machine.fall_silent(number, trial_id, rng.choice([30.0, 61.0]), rng.random() < 0.5)
        case "take_lease":
            machine.take_lease(number, experiment)
        case "cancel_trial":
            machine.cancel_trial(trial_id)
        case "cancel_experiment" | "submit_again":
            getattr(machine, name)(experiment)
        case "release" | "kill":
            getattr(machine, name)(number)
