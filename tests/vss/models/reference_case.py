"""Inputs, parameters and outputs of published heads, under our names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.device import DEVICE
from vss.models.backbones import Features
from vss.models.published_checkpoints import rename_head_parameter

FOLDER = Path(__file__).parents[2] / "reference_vectors"
# Case -> our head. The module of the 3-D case is not a head and has its own naming rule.
HEADS = {
    "fcn_auxiliary": "fcn", "nonlocal": "nonlocal", "psp": "psp", "danet": "danet",
    "ccnet": "ccnet", "asymmetric_nonlocal": "ann", "tma_T2": "tma",
}  # fmt: skip


class ReferenceCase:
    """The inputs, parameters and outputs of one published head."""

    def __init__(self, case: str) -> None:
        self.case = case
        self._arrays = np.load(FOLDER / f"{case}.npz")
        self.meta: dict[str, Any] = json.loads(str(self._arrays["meta"]))

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self._arrays[name]).double().to(DEVICE)

    def load_into(self, head: nn.Module) -> nn.Module:
        """Load the parameters of the case into a head; both must have the same ones."""
        state = {
            our_name(self.case, name): self.tensor(f"param/{name}")
            for name, _, kind in self.meta["params"]
            if not kind.startswith("alias:")
        }
        expected = head.double().to(DEVICE).state_dict()
        counters = {n: v for n, v in expected.items() if n.endswith("batches_tracked")}
        # A 1x1x1 convolution in three dimensions is a 1x1 convolution of each frame.
        reshaped = {
            n: v.reshape(expected[n].shape) if n in expected else v for n, v in state.items()
        }
        head.load_state_dict({**reshaped, **counters})
        return head

    def features(self, requires_grad: bool = False) -> Features:
        """Return stages 4 and 5 of the current frame."""
        if "input/current" in self._arrays:
            current = self.tensor("input/current").requires_grad_(requires_grad)
            return Features(current, current)
        return Features(
            self.tensor("input/stage4").requires_grad_(requires_grad),
            self.tensor("input/stage5").requires_grad_(requires_grad),
        )

    def memory(self) -> tuple[Tensor, ...]:
        """Return stage 5 of the memory frames, (B, T, C, H, W), or nothing for an image head."""
        names = sorted(name for name in self._arrays if name.startswith("input/memory"))
        return (torch.stack([self.tensor(name) for name in names], dim=1),) if names else ()

    def count(self, name: str) -> int:
        """Count the outputs of a kind."""
        return sum(array.startswith(f"{name}_") for array in self._arrays)

    @property
    def gradients(self) -> dict[str, Tensor]:
        """Return, for each input, the gradient of the sum of squares of the train-mode output."""
        prefix = "grad_train_"
        names = [name for name in self._arrays if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.tensor(name) for name in names}


def our_name(case: str, name: str) -> str:
    """Return our name for a parameter."""
    if case == "criss_cross_3d":
        return name.replace("_conv.", ".")
    ours = rename_head_parameter(HEADS[case], name)
    assert ours is not None
    return ours


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return float(((actual - expected).norm() / expected.norm()).detach())
