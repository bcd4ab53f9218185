"""Building blocks that several heads share.

Shapes: B batch, C channels, H W feature map.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNormReLU(nn.Sequential):
    """A bias-free convolution, then batch norm and ReLU; the map keeps its size.

    Source: the ConvModule of the OpenMMLab toolboxes, including its Kaiming initialisation.

    Args:
        in_channels: channels C of the input.
        out_channels: channels C of the output.
        kernel_size: side of the kernel, an odd number.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        norm = ConvNorm(in_channels, out_channels, kernel_size)
        super().__init__(*norm, nn.ReLU(inplace=True))


class ConvNorm(nn.Sequential):
    """A bias-free convolution and a batch norm: a ConvModule without an activation.

    As in the toolboxes, it is initialised as if a ReLU followed.

    Args:
        in_channels: channels C of the input.
        out_channels: channels C of the output.
        kernel_size: side of the kernel, an odd number.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        super().__init__(conv, nn.BatchNorm2d(out_channels))


Projection = Literal["1x1", "1x1+3x3"]


def build_norm_projection(in_channels: int, out_channels: int, kind: Projection) -> nn.Sequential:
    """Build the layers for keys or values: a 1x1 convolution and, if requested, a 3x3."""
    layers = [ConvNormReLU(in_channels, out_channels, 1)]
    if kind == "1x1+3x3":
        layers.append(ConvNormReLU(out_channels, out_channels, 3))
    return nn.Sequential(*layers)


class Classifier(nn.Sequential):
    """Channel dropout and a 1x1 convolution to one logit per class."""

    def __init__(self, in_channels: int, num_classes: int, dropout: float) -> None:
        conv = nn.Conv2d(in_channels, num_classes, kernel_size=1)
        nn.init.normal_(conv.weight, std=0.01)
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # Conv2d's bias is on by default
        super().__init__(nn.Dropout2d(dropout), conv)


class PyramidPooling(nn.Module):
    """The input together with its means over regular grids, projected and resized to the map.

    Source: Zhao et al., CVPR 2017, section 3.2.

    Args:
        in_channels: channels C of the features.
        out_channels: channels of each level.
        bins: grid cells along each side, one level per entry.
    """

    def __init__(
        self, in_channels: int, out_channels: int, bins: Sequence[int] = (1, 2, 3, 6)
    ) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.levels = nn.ModuleList(ConvNormReLU(in_channels, out_channels, 1) for _ in self.bins)

    def forward(self, x: Tensor) -> Tensor:
        """Append the levels: (B, C, H, W) -> (B, C + len(bins) * out_channels, H, W)."""
        levels = [
            resize(level(F.adaptive_avg_pool2d(x, edge)), x.shape[-2:])
            for edge, level in zip(self.bins, self.levels, strict=True)
        ]
        return torch.cat([x, *levels], dim=1)


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize bilinearly with pixels as areas, not points: (B, C, H, W) -> (B, C, *size)."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def check_memory(memory: Tensor, slots: int, current: Tensor) -> None:
    """Check that a memory fits a head.

    Args:
        memory: (B, T, C, H, W) maps from the head's `remember`; C may be 0.
        slots: the number of frames that the head was built for.
        current: the current frame's features, (B, C5, H, W).

    Raises:
        ValueError: naming the actual and the expected number or size of frames.
    """
    if memory.shape[1] != slots:
        raise ValueError(f"the memory has {memory.shape[1]} frames, but the head has {slots} slots")
    if memory.shape[-2:] != current.shape[-2:]:
        memory_size, size = ("x".join(map(str, x.shape[-2:])) for x in (memory, current))
        raise ValueError(
            f"memory frames are {memory_size}, but the current frame is {size} (height x width)"
        )
