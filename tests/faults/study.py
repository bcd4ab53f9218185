"""The experiments that simulated drivers run.

One has a teacher, its student and a trial that starts from the student's weights; one more trial
belongs to both.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestrator.ledger.entries import ExperimentEntry, Member
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.schema import Resources
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import tiny
from tests.faults.world import Snapshot
from vss.trial_config import TrialConfig

_FINGERPRINT = "f" * 64
_TEACHER = tiny(width=16)
_STUDENT = tiny(teacher=_TEACHER.trial_id, distillation_weight=1.0)
_TUNED = tiny(weights=f"network:{_STUDENT.trial_id}", seed=3)
_SHARED = tiny(seed=1)
_URGENT = tiny(seed=2)
_TRIALS = {
    "study": (
        PlannedTrial("student", _STUDENT),
        PlannedTrial("tuned", _TUNED),
        PlannedTrial("big", _TEACHER),
        PlannedTrial("plain", _SHARED),
    ),
    "another": (PlannedTrial("plain", _SHARED), PlannedTrial("urgent", _URGENT, priority=5)),
}
SOURCE_OF = {_STUDENT.trial_id: _TEACHER.trial_id, _TUNED.trial_id: _STUDENT.trial_id}
# The order in which trials start; nothing else decides where all of them are ready.
ORDER = {
    "study": [_STUDENT.trial_id, _TEACHER.trial_id, _TUNED.trial_id, _SHARED.trial_id],
    "another": [_URGENT.trial_id, _SHARED.trial_id],
}
TRIAL_IDS = sorted({trial_id for order in ORDER.values() for trial_id in order})


@cache
def experiment(name: str, retries: int, on_failure: Any) -> Experiment:
    trials = _TRIALS[name]
    return Experiment(
        name=name,
        description="",
        trials=trials,
        cells={trial.cell: trial.config for trial in trials},
        baseline=trials[0].cell,
        resources=Resources(cpus=1.0, retries=retries, on_failure=on_failure),
        files_by_digest={},
        source="",
    )


def record(ledger: Ledger) -> Snapshot:
    """Record both experiments in a new ledger."""
    for name, trials in _TRIALS.items():
        ledger.add(ExperimentEntry(name), [Member(trial, _FINGERPRINT) for trial in trials])
    return Snapshot(ledger)


@dataclass(frozen=True)
class FakeData:
    """The data of the experiments, which is everywhere."""

    def fingerprint(self, config: TrialConfig) -> str:
        return _FINGERPRINT

    def source(self, config: TrialConfig) -> None:
        return None

    def has_all(self, config: TrialConfig, data_fingerprint: str) -> bool:
        return data_fingerprint == _FINGERPRINT
