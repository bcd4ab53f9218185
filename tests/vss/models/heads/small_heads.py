"""Small versions of all heads, and inputs for them."""

from typing import Any

import torch
from torch import Tensor, nn

from tests.device import DEVICE
from vss import catalog
from vss.models.backbones import Features

CLASSES = 5


def build(name: str, slots: int, **options: Any) -> nn.Module:
    """Build a head with the options in its catalog row, overridden by `options`."""
    torch.manual_seed(0)
    row = catalog.HEADS[name]
    memory = {"memory_slots": slots} if row.uses_memory else {}
    head: nn.Module = catalog.resolve(row.build)(
        channels=(12, 16), num_classes=CLASSES, head_channels=16, dropout=0.1,
        **memory, **row.fixed_arguments, **{**row.options, **options},
    )  # fmt: skip
    # Branches that start as a no-op must have an effect in tests.
    for parameter in head.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return head.to(DEVICE)


def inputs(slots: int, size: tuple[int, int], batch: int) -> tuple[Features, Features | None]:
    """Return features of the current frame, and of batch * slots memory frames."""
    generator = torch.Generator().manual_seed(1)

    def features(count: int) -> Features:
        return Features(
            torch.randn(count, 12, *size, generator=generator).to(DEVICE),
            torch.randn(count, 16, *size, generator=generator).to(DEVICE),
        )

    return features(batch), features(batch * slots) if slots else None


def run(head: nn.Module, current: Features, memory: Features | None, slots: int) -> Tensor:
    """Return the prediction."""
    outputs = run_all(head, current, memory, slots)
    return outputs[0] if isinstance(outputs, tuple) else outputs


def run_all(head: nn.Module, current: Features, memory: Features | None, slots: int) -> Any:
    """Return the prediction, or all supervised outputs in training mode."""
    if memory is None:
        return head(current)
    memory_tensors = head.remember(memory)  # type: ignore[operator]
    return head(current, tuple(x.unflatten(0, (-1, slots)) for x in memory_tensors))
