"""Update rules and schedules of the learning rate."""

import math

import torch

from vss.trial_config import TrialConfig


def build_optimizer(config: TrialConfig, model: torch.nn.Module) -> torch.optim.Optimizer:
    """The update rule of a trial, over all parameters of a model."""
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
    """The rate of one step, counted from 0; a pure function, so that nothing is to be saved."""
    highest, done = config.learning_rate, step / config.steps
    if config.schedule == "poly":
        power, final = config.chosen_options("schedule").values()
        return float((highest - final) * (1 - done) ** power + final)
    rise = config.chosen_options("schedule")["warmup_share"]
    if done < rise:
        return _cosine(highest / 25, highest, done / rise)
    return _cosine(highest, highest / 250_000, (done - rise) / (1 - rise))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
