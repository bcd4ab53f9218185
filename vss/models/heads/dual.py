"""Dual attention: one branch over positions and one over channels, whose outputs are added.

Source: Fu et al., CVPR 2019 (DANet), and the OpenMMLab segmentation toolbox 1.2, whose outputs the
tests compare with; Chen et al. 2021 for the heads with a memory, whose position branch is temporal
attention.
Shapes: B batch, T memory slots, C4 C5 channels of stage 4 and 5, C head channels, K classes, H W
feature map.
"""

from typing import Any

import torch
from torch import Tensor, nn

from vss.models.attention import channel_attention, full_attention
from vss.models.backbones import Features
from vss.models.heads.asymmetric import StageFusion
from vss.models.heads.tma import TemporalMemory
from vss.models.layers import Classifier, ConvNormReLU
from vss.models.pyramid_tokens import Pooling

Logits = Tensor | tuple[Tensor, ...]


class PositionBranch(nn.Module):
    """The branch in which every pixel attends to all others; its weight starts at zero."""

    def __init__(self, in_channels: int, channels: int, attention_scale: bool) -> None:
        super().__init__()
        inner = channels // 8
        self.conv_in = ConvNormReLU(in_channels, channels, 3)
        self.query = nn.Conv2d(channels, inner, kernel_size=1)
        self.key = nn.Conv2d(channels, inner, kernel_size=1)
        self.value = nn.Conv2d(channels, channels, kernel_size=1)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.conv_out = ConvNormReLU(channels, channels, 3)
        self.scale = inner**-0.5 if attention_scale else 1.0

    def forward(self, stage5: Tensor) -> Tensor:
        """Compute the branch: (B, C5, H, W) -> (B, C, H, W)."""
        x = self.conv_in(stage5)
        query, key, value = (p(x).flatten(2) for p in (self.query, self.key, self.value))
        context = full_attention(query, key, value, self.scale).view_as(x)
        return self.conv_out(self.gamma * context + x)


class ChannelBranch(nn.Module):
    """The branch in which every channel attends to all others; its weight starts at zero."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv_in = ConvNormReLU(in_channels, channels, 3)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.conv_out = ConvNormReLU(channels, channels, 3)

    def forward(self, stage5: Tensor) -> Tensor:
        """Compute the branch: (B, C5, H, W) -> (B, C, H, W)."""
        x = self.conv_in(stage5)
        return self.conv_out(self.gamma * channel_attention(x) + x)


class DualClassifiers(nn.Module):
    """The classifiers of the sum of both branches and, while training, of each branch.

    Args:
        channels: channels C of the branches.
        num_classes: the number of classes K.
        dropout: dropout probability before each classifier.
        deep_supervision: give each branch a classifier and a loss of its own.
    """

    def __init__(
        self, channels: int, num_classes: int, dropout: float, deep_supervision: bool = True
    ) -> None:
        super().__init__()
        self.fused = Classifier(channels, num_classes, dropout)
        self.branches = nn.ModuleList(
            Classifier(channels, num_classes, dropout) for _ in range(2 * deep_supervision)
        )

    def forward(self, position: Tensor, channel: Tensor, all_outputs: bool) -> Logits:
        """Classify two maps (B, C, H, W): logits (B, K, H, W), or a tuple of three of them."""
        fused = self.fused(position + channel)
        if not (all_outputs and self.branches):
            return fused
        branches = zip(self.branches, (position, channel), strict=True)
        return (fused, *(classify(x) for classify, x in branches))


class DANetHead(nn.Module):
    """The head `danet`: position and channel attention in the current frame."""

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        attention_scale: bool,
    ) -> None:
        super().__init__()
        self.position = PositionBranch(channels[1], head_channels, attention_scale)
        self.channel = ChannelBranch(channels[1], head_channels)
        self.classifiers = DualClassifiers(head_channels, num_classes, dropout)
        self.outputs = 3

    def forward(self, current: Features) -> Logits:
        """Return (B, K, H, W) logits from the features of the frame, or three while training."""
        x = current.stage5
        return self.classifiers(self.position(x), self.channel(x), self.training)


class DualMemoryHead(nn.Module):
    """The heads `da_tma` and `da_asym_tma`, whose position branch reads the memory.

    Args:
        channels: channels C4 and C5 of stage 4 and stage 5.
        num_classes: the number of classes K.
        head_channels: channels C of the branches.
        dropout: dropout probability before the classifiers.
        deep_supervision: give each branch a loss of its own, as in DANet.
        afnb_into_dual: let AFNB fuse stage 4 into stage 5 of the current frame before both
            branches.
        pyramid_position: let the position branch attend to pyramid tokens of the memory.
        pooling: how to pool these tokens over time.
        memory: further arguments of `TemporalMemory`.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        deep_supervision: bool,
        afnb_into_dual: bool = False,
        pyramid_position: bool = False,
        pooling: Pooling = "cube",
        **memory: Any,
    ) -> None:
        super().__init__()
        self.fusion = StageFusion(channels, head_channels // 2) if afnb_into_dual else None
        self.position = TemporalMemory(
            channels[1], head_channels, pooling=pooling if pyramid_position else None, **memory
        )
        self.channel = ChannelBranch(channels[1], head_channels)
        self.classifiers = DualClassifiers(head_channels, num_classes, dropout, deep_supervision)
        self.outputs = 3 if deep_supervision else 1

    def remember(self, features: Features) -> tuple[Tensor, ...]:
        """Return what to remember of each of N frames."""
        return self.position.remember(features)

    def forward(self, current: Features, memory: tuple[Tensor, ...]) -> Logits:
        """Return (B, K, H, W) logits, given what was remembered of T frames."""
        x = current.stage5 if self.fusion is None else self.fusion(current)
        return self.classifiers(self.position(x, memory), self.channel(x), self.training)
