"""Optimisers and learning-rate schedules."""

import math

import torch

from vss.trial_config import TrialConfig


def build_optimizer(config: TrialConfig, model: torch.nn.Module) -> torch.optim.Optimizer:
    """Build the optimiser of a trial for all parameters of a model."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            **config.chosen_options("optimizer"),
        )
    return torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )


def learning_rate(config: TrialConfig, step: int) -> float:
    """Return the learning rate of a step, counted from 0; there is no state to save."""
    highest, progress = config.learning_rate, step / config.steps
    if config.schedule == "poly":
        power, final = config.chosen_options("schedule").values()
        return float((highest - final) * (1 - progress) ** power + final)
    rise = config.chosen_options("schedule")["warmup_share"]
    if progress < rise:
        return _cosine(highest / 25, highest, progress / rise)
    return _cosine(highest, highest / 250_000, (progress - rise) / (1 - rise))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
