"""What a trial will cost, before it is run: counted, or known from earlier runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from orchestrator.ledger.ledger import Ledger, State
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.tracking.tracker import Tracker
from vss.profiling.cost import count_cost, estimate_training_memory
from vss.runtime.environment import device_name
from vss.trial_config import TrialConfig

# Settings that change what is learnt, but not how long a step takes.
_SAME_SPEED = {
    "seed", "steps", "learning_rate", "final_learning_rate", "poly_power", "warmup_share",
    "schedule", "weight_decay", "momentum", "weights", "eval_every", "select", "scored_split",
    "dropout", "auxiliary_weight", "class_weights", "teacher", "temperature",
    "distillation_weight", "clips",
}  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """Of one cell.

    Attributes:
        parameters: trainable numbers used at inference.
        gflops: of one prediction, whole clip encoded.
        training_memory_mib: of tensors, at most.
        train_seconds: of one trial, from the median step of earlier runs on this device; None
            where there are none.
    """

    parameters: int
    gflops: float
    training_memory_mib: float
    train_seconds: float | None


def estimate(experiment: Experiment, settings: Settings) -> dict[str, Estimate]:
    """Cell -> what it costs."""
    known = _step_seconds(settings, "cuda" if experiment.resources.gpus else "cpu")
    found = {}
    for cell, config in experiment.cells.items():
        counted = count_cost(config)
        teacher = experiment.trial_by_id.get(config.teacher)
        step = known.get(_speed_key(config.settings()))
        found[cell] = Estimate(
            counted.parameters,
            counted.gflops,
            _memory_mib(config, teacher.config if teacher else None),
            None if step is None else step * config.steps,
        )
    return found


def _memory_mib(config: TrialConfig, teacher: TrialConfig | None) -> float:
    return estimate_training_memory(config, teacher) / 2**20 if config.steps > 0 else 0.0


def _step_seconds(settings: Settings, device_type: str) -> Mapping[str, float]:
    """Settings that decide the speed -> median step of the newest trial that had them here."""
    if not settings.has_ledger:
        return {}
    device = device_name(torch.device(device_type)) if _is_here(device_type) else None
    ledger = Ledger(settings.ledger_url)
    trials = {
        trial.run_id: trial
        for experiment in ledger.experiments()
        for trial in ledger.trials(experiment.name)
        if trial.state == State.FINISHED and trial.run_id
    }
    if not trials or device is None:
        return {}
    measured = Tracker(settings.tracking_uri, settings.artifacts).read_runs(list(trials))
    return {
        _speed_key(trials[run_id].settings): found.metrics["step_ms_median"] / 1000
        for run_id, found in measured.items()
        if found.tags.get("device") == device and "step_ms_median" in found.metrics
    }


def _is_here(device_type: str) -> bool:
    return device_type == "cpu" or torch.cuda.is_available()


def _speed_key(settings: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in settings.items() if name not in _SAME_SPEED}
    return json.dumps(kept, sort_keys=True)
