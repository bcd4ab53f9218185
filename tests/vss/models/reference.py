"""The published reference heads' numbers, and how their parameters are called here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vss.models.backbones import Features

FOLDER = Path(__file__).parents[2] / "reference_vectors"
# Reference prefix -> ours. "conv" and "bn" inside a ConvModule are "0" and "1" of a ConvNormReLU.
NAMES = {
    "fcn_auxiliary": {"convs.0": "conv", "conv_seg": "classifier.1"},
    "nonlocal": {
        "convs.0": "conv_in",
        "convs.1": "conv_out",
        "conv_cat": "bottleneck",
        "nl_block.g.conv": "attention.value",
        "nl_block.theta.conv": "attention.query",
        "nl_block.phi.conv": "attention.key",
        "nl_block.conv_out": "attention.output",
        "conv_seg": "classifier.1",
    },
    "psp": {
        **{f"psp_modules.{level}.1": f"pyramid.levels.{level}" for level in range(4)},
        "bottleneck": "bottleneck",
        "conv_seg": "classifier.1",
    },
    "danet": {
        **{
            f"{short}_{end}_conv": f"{branch}.conv_{end}"
            for short, branch in (("pam", "position"), ("cam", "channel"))
            for end in ("in", "out")
        },
        **{f"pam.{kind}_project": f"position.{kind}" for kind in ("query", "key", "value")},
        "pam.gamma.scale": "position.gamma",
        "cam.gamma.scale": "channel.gamma",
        "conv_seg": "classifiers.fused.1",
        "pam_conv_seg": "classifiers.branches.0.1",
        "cam_conv_seg": "classifiers.branches.1.1",
    },
    "ccnet": {
        "convs.0": "conv_in",
        "convs.1": "decoder.conv_out",
        "conv_cat": "decoder.bottleneck",
        **{f"cca.{kind}_conv": f"attention.{kind}" for kind in ("query", "key", "value")},
        "cca.gamma.scale": "attention.gamma",
        "conv_seg": "decoder.classifier.1",
    },
    "criss_cross_3d": {
        **{f"{kind}_conv": kind for kind in ("query", "key", "value")},
        "gamma": "gamma",
    },
    "asymmetric_nonlocal": {
        **{
            f"{part}.stages.0.{kind}_project": f"{part}.{ours}"
            for part in ("fusion", "context")
            for kind, ours in (
                ("query", "query"),
                ("key", "key"),
                ("value", "value"),
                ("out", "output"),
            )
        },
        "fusion.bottleneck": "fusion.bottleneck",
        "context.bottleneck": "context.bottleneck",
        "bottleneck": "bottleneck",
        "conv_seg": "classifier.1",
    },
    "tma_T2": {
        **{
            f"memory_{kind}_conv.{layer}.{slot}": f"read.memory_{kind}.{slot}.{layer}"
            for kind in ("key", "value")
            for layer in (0, 1)
            for slot in (0, 1)
        },
        **{
            f"query_{kind}_conv.{layer}": f"read.query_{kind}.{layer}"
            for kind in ("key", "value")
            for layer in (0, 1)
        },
        "bottleneck": "read.bottleneck",
        "conv_seg": "classifier.1",
    },
}


class Reference:
    """One case: inputs, parameters, outputs."""

    def __init__(self, case: str) -> None:
        self.case = case
        self._arrays = np.load(FOLDER / f"{case}.npz")
        self.meta: dict[str, Any] = json.loads(str(self._arrays["meta"]))

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self._arrays[name]).double()

    def load_into(self, head: nn.Module) -> nn.Module:
        """Fill a head with the case's parameters; every one of both sides must find its partner."""
        state = {
            our_name(self.case, name): self.tensor(f"param/{name}")
            for name, _, kind in self.meta["params"]
            if not kind.startswith("alias:")
        }
        own = head.double().state_dict()
        counters = {n: v for n, v in own.items() if n.endswith("batches_tracked")}
        # A 1x1x1 convolution in three dimensions is a 1x1 convolution of each frame.
        fitted = {n: v.reshape(own[n].shape) if n in own else v for n, v in state.items()}
        head.load_state_dict({**fitted, **counters})
        return head

    def features(self, requires_grad: bool = False) -> Features:
        """Stage 4 and 5 of the current frame."""
        if "input/current" in self._arrays:
            current = self.tensor("input/current").requires_grad_(requires_grad)
            return Features(current, current)
        return Features(
            self.tensor("input/stage4").requires_grad_(requires_grad),
            self.tensor("input/stage5").requires_grad_(requires_grad),
        )

    def memory(self) -> tuple[Tensor, ...]:
        """Stage 5 of the memory frames as (B, T, C, H, W), or nothing for an image head."""
        names = sorted(name for name in self._arrays if name.startswith("input/memory"))
        return (torch.stack([self.tensor(name) for name in names], dim=1),) if names else ()

    def count(self, name: str) -> int:
        """How many outputs of a kind there are."""
        return sum(array.startswith(f"{name}_") for array in self._arrays)

    @property
    def gradients(self) -> dict[str, Tensor]:
        """Input -> gradient of the sum of squares of the train-mode output."""
        prefix = "grad_train_"
        names = [name for name in self._arrays if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.tensor(name) for name in names}


def our_name(case: str, name: str) -> str:
    if name in NAMES[case]:
        return NAMES[case][name]
    prefixes = sorted(NAMES[case], key=len, reverse=True)
    prefix = next(p for p in prefixes if name.startswith(f"{p}."))
    rest = name.removeprefix(f"{prefix}.")
    rest = rest.removeprefix("conv.") if rest == "conv.bias" else rest
    return f"{NAMES[case][prefix]}.{rest.replace('conv.', '0.').replace('bn.', '1.')}"


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float(((found - expected).norm() / expected.norm()).detach())
