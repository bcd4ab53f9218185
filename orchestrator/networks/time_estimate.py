"""The time that trials will take, as earlier ones in the ledger took. Imports no torch."""

import json
from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any

from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import open_ledger

# Settings that change what a network learns, but not how long a step takes.
_SPEED_NEUTRAL = {
    "seed", "steps", "stop_step", "learning_rate", "final_learning_rate", "poly_power",
    "warmup_share", "schedule", "weight_decay", "momentum", "weights", "eval_every", "select",
    "scored_split", "dropout", "auxiliary_weight", "class_weights", "teacher", "temperature",
    "distillation_weight", "clips",
}  # fmt: skip


def speed_key(settings: Mapping[str, Any]) -> str:
    """Return the settings that affect the time of a step, as a text that can be a key."""
    relevant_settings = {k: v for k, v in settings.items() if k not in _SPEED_NEUTRAL}
    return json.dumps(relevant_settings, sort_keys=True)


def estimate_trial_seconds(experiment: Experiment, settings: Settings) -> dict[str, float]:
    """Estimate how long a trial of each cell takes, from start to end, by similar earlier trials.

    Returns:
        cell -> seconds; without the cells of which no similar trial has finished.
    """
    if not settings.has_ledger:
        return {}
    step_seconds: dict[str, list[float]] = defaultdict(list)
    for trial_settings, seconds in open_ledger(settings).durations():
        steps = trial_settings.get("stop_step") or trial_settings["steps"]
        step_seconds[speed_key(trial_settings)].append(seconds / max(1, steps))
    medians = {key: median(values) for key, values in step_seconds.items()}
    return {
        cell: medians[key] * max(1, config.last_step)
        for cell, config in experiment.cells.items()
        if (key := speed_key(config.settings())) in medians
    }
