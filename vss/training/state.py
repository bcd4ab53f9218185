"""What changes from step to step of a training, and the checkpoints that it continues from.

A checkpoint may come from elsewhere. torch reads it without executing anything; here it is checked
for the types and shapes that a training writes, so that a wrong one is named before it does harm.
"""

import math
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from vss.errors import UserError
from vss.training.inputs import Progress
from vss.untrusted.messages import one_line

CURVE_POINTS = 200  # points of the loss curve of a whole run


@dataclass
class TrainingState:
    """The values that change from step to step, besides weights and optimiser."""

    data_fingerprint: str
    step: int = 0
    saved_step: int = 0  # step of the newest checkpoint, or 0 if there is none
    step_seconds: list[float] = field(default_factory=list)
    window: list[float] = field(default_factory=list)  # losses since the last point of the curve
    points: list[tuple[str, int, float]] = field(default_factory=list)  # all points of all curves
    reported_points: int = 0
    loss: float | None = None
    miou: float | None = None
    best_miou: float = -1.0
    best_step: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def add(self, loss: float, rate: float, steps: int) -> None:
        """Count a step and extend the curves."""
        self.step += 1
        self.window.append(loss)
        self.loss = loss if self.loss is None else self.loss
        if len(self.window) >= max(1, steps // CURVE_POINTS) or self.step == steps:
            self.loss = sum(self.window) / len(self.window)
            self.points += [
                ("train/loss", self.step, self.loss),
                ("train/learning_rate", self.step, rate),
            ]
            self.window = []

    def keep_best(self, model: torch.nn.Module) -> None:
        assert self.miou is not None  # noqa: S101  # called just after scoring
        self.best_miou, self.best_step = self.miou, self.step
        self.best_weights = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}

    def progress(
        self, pace: tuple[float | None, float | None] = (None, None), with_points: bool = False
    ) -> Progress:
        first = self.reported_points if with_points else len(self.points)
        self.reported_points = max(self.reported_points, len(self.points) if with_points else 0)
        return Progress(self.step, self.loss, self.miou, tuple(self.points[first:]), *pace)

    def snapshot(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        return {
            "state": vars(self),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
        }


def restore(
    checkpoint: dict[str, Any],
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    trial_id: str,
    steps: int,
) -> TrainingState:
    """Load a checkpoint into a model and its optimizer, and return the state.

    All points count as unreported, as reports of the earlier attempt may have been lost.

    Raises:
        UserError: if it belongs to something else.
    """
    try:
        state = TrainingState(**{**checkpoint["state"], "reported_points": 0})
        _check_state(state, steps)
        model.load_state_dict(checkpoint["model"])
        _load_optimizer(optimizer, checkpoint["optimizer"])
        _check_weights(state.best_weights, model)
    except Exception as error:  # wrong types raise anything
        reason = one_line(f"{type(error).__name__}: {error}", 120)
        raise UserError(
            f"the checkpoint of trial {trial_id} does not fit it ({reason}): delete resume.pt and "
            "resume.previous.pt in its directory to start again"
        ) from None
    state.saved_step = state.step
    return state


def _check_state(state: TrainingState, steps: int) -> None:
    for each in fields(state):
        value, default = getattr(state, each.name), each.default
        kind = type(default) if isinstance(default, int | float) else None
        if kind is not None and type(value) is not kind:
            raise TypeError(f"{each.name} is no {kind.__name__}")
    if not isinstance(state.data_fingerprint, str) or not 0 <= state.step <= steps:
        raise ValueError("step or data_fingerprint is wrong")
    numbers = [*state.step_seconds, *state.window, *(v for v in (state.loss, state.miou) if v)]
    numbers += [value for _, _, value in state.points]
    math.fsum(numbers)  # a TypeError if one is no number
    if not all(isinstance(curve, str) and type(step) is int for curve, step, _ in state.points):
        raise TypeError("points are not (curve, step, value)")
    for name in ("step_seconds", "window", "points"):
        if not isinstance(getattr(state, name), list):
            raise TypeError(f"{name} is no list")


def _check_weights(weights: dict[str, Tensor], model: torch.nn.Module) -> None:
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if weights and {name: value.shape for name, value in weights.items()} != shapes:
        raise ValueError("best_weights do not fit the model")


def _load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load the moments of the parameters; the rest follows from the settings of the trial."""
    fresh = optimizer.state_dict()
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for index, moments in saved["state"].items():
        for name, value in moments.items():
            if value is None:  # momentum before the first step
                continue
            if not isinstance(name, str) or value.shape not in ((), parameters[index].shape):
                raise ValueError(f"{name} of parameter {index} has the wrong shape")
    optimizer.load_state_dict({"state": saved["state"], "param_groups": fresh["param_groups"]})
