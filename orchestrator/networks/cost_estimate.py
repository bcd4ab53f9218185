"""The cost of an experiment before it runs: counted, or estimated from earlier trials."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from orchestrator.ledger.entries import State
from orchestrator.networks.time_estimate import speed_key
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import open_ledger, open_tracker
from vss.profiling.cost import count_cost, estimate_training_memory
from vss.runtime.environment import device_name
from vss.trial_config import TrialConfig


@dataclass(frozen=True)
class CostEstimate:
    """The cost of one cell.

    Attributes:
        parameters: number of trainable parameters used at inference.
        gflops: 10^9 operations of one prediction that encodes the whole clip.
        training_memory_mib: peak size of a trial's tensors during training.
        train_seconds: training time of one trial, from the median step time of earlier trials on
            this device; None if there are none.
    """

    parameters: int
    gflops: float
    training_memory_mib: float
    train_seconds: float | None


def estimate_cost(experiment: Experiment, settings: Settings) -> dict[str, CostEstimate]:
    """Estimate the cost of each cell."""
    seconds = estimate_train_seconds(experiment, settings)
    estimates = {}
    for cell, config in experiment.cells.items():
        cost = count_cost(config)
        teacher = experiment.trial_by_id.get(config.teacher)
        estimates[cell] = CostEstimate(
            cost.parameters,
            cost.gflops,
            _memory_mib(config, teacher.config if teacher else None),
            seconds[cell],
        )
    return estimates


def estimate_train_seconds(
    experiment: Experiment, settings: Settings
) -> Mapping[str, float | None]:
    """Estimate the training time of one trial per cell; None without similar earlier trials."""
    step_seconds = _step_seconds(settings, "cuda" if experiment.resources.gpus else "cpu")
    by_cell = {
        cell: (config.last_step, step_seconds.get(speed_key(config.settings())))
        for cell, config in experiment.cells.items()
    }
    return {
        cell: None if seconds is None else seconds * steps
        for cell, (steps, seconds) in by_cell.items()
    }


def _memory_mib(config: TrialConfig, teacher: TrialConfig | None) -> float:
    return estimate_training_memory(config, teacher) / 2**20 if config.steps > 0 else 0.0


def _step_seconds(settings: Settings, device_type: str) -> Mapping[str, float]:
    """Return the median step time of earlier trials on this device, by settings that affect it."""
    if not settings.has_ledger:
        return {}
    ledger = open_ledger(settings)
    trials = {
        trial.run_id: trial
        for experiment in ledger.experiments()
        for trial in ledger.trials(experiment.name, with_samples=True)
        if trial.state == State.FINISHED and trial.run_id
    }
    has_device = device_type == "cpu" or torch.cuda.is_available()
    if not trials or not has_device:
        return {}
    device = device_name(torch.device(device_type))
    runs = open_tracker(settings).read_runs(list(trials))
    return {
        speed_key(trials[run_id].settings): run.metrics["step_ms_median"] / 1000
        for run_id, run in runs.items()
        if run.tags.get("device") == device and "step_ms_median" in run.metrics
    }
