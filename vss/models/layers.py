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

    Source: the ConvModule of the OpenMMLab toolboxes, Kaiming initialisation included.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: edge of the kernel, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        norm = ConvNorm(in_channels, out_channels, kernel_size)
        super().__init__(*norm, nn.ReLU(inplace=True))


class ConvNorm(nn.Sequential):
    """A convolution without bias and a batch norm: the ConvModule without an activation.

    The toolboxes initialise it as if a ReLU followed.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: edge of the kernel, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        super().__init__(conv, nn.BatchNorm2d(out_channels))


Projection = Literal["1x1", "1x1+3x3"]


def project(in_channels: int, out_channels: int, kind: Projection) -> nn.Sequential:
    """Build the layers that compute keys or values: a 1x1 convolution, and a 3x3 if asked for."""
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
    """The means over regular grids, each projected and resized to the map.

    Source: Zhao et al., CVPR 2017, section 3.2.

    Args:
        in_channels: channels C of the features.
        out_channels: channels of each level.
        bins: cells along each edge, one level per entry.
    """

    def __init__(
        self, in_channels: int, out_channels: int, bins: Sequence[int] = (1, 2, 3, 6)
    ) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.levels = nn.ModuleList(ConvNormReLU(in_channels, out_channels, 1) for _ in self.bins)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C + len(bins) * out_channels, H, W)."""
        levels = [
            resize(level(F.adaptive_avg_pool2d(x, edge)), x.shape[-2:])
            for edge, level in zip(self.bins, self.levels, strict=True)
        ]
        return torch.cat([x, *levels], dim=1)


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize bilinearly, pixels as areas (align_corners=False): (B, C, H, W) -> (B, C, *size)."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def check_memory(memory: Tensor, slots: int, current: Tensor) -> None:
    """Check that a memory fits a head.

    Args:
        memory: (B, T, C, H, W) maps, from the head's `remember`; C may be 0.
        slots: frames that the head was built for.
        current: the current frame's features, (B, C5, H, W).

    Raises:
        ValueError: with the actual and the expected number or size of frames.
    """
    if memory.shape[1] != slots:
        raise ValueError(f"the memory holds {memory.shape[1]} frames, the head has {slots} slots")
    if memory.shape[-2:] != current.shape[-2:]:
        past, now = ("x".join(map(str, x.shape[-2:])) for x in (memory, current))
        raise ValueError(f"memory frames are {past}, the current frame is {now} (height x width)")
