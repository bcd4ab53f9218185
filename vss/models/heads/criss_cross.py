"""Criss-cross attention, in the current frame and over a memory.

Source: Huang et al., ICCV 2019 (CCNet), as implemented in the OpenMMLab segmentation toolbox 1.2,
and the three-dimensional version of the pure PyTorch port; tests compare with the outputs of both.
For separate space and time: Chen et al. 2021, 2.3, which specifies only that the current frame has
more weight and that the memory is "supporting data".
Shapes: B batch, T frames, S query frames, C5 channels of stage 5, C head channels, K key channels
(C/8), H W feature map.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vss.models.attention import criss_cross_attention
from vss.models.backbones import Features
from vss.models.layers import (
    Classifier,
    ConvNormReLU,
    Projection,
    build_norm_projection,
    check_memory,
)


class CrissCross(nn.Module):
    """Criss-cross attention: adds to each position the context along the axes.

    The weight of the context starts at zero.

    Args:
        channels: channels C of the feature maps.
        axes: some of "row", "column", "time".
        projection: "1x1" for plain convolutions, as published.
        attention_scale: divide the logits by the square root of K.
    """

    def __init__(
        self, channels: int, axes: Sequence[str], projection: Projection, attention_scale: bool
    ) -> None:
        super().__init__()
        inner = channels // 8
        self.axes = tuple(axes)
        self.query = build_projection(channels, inner, projection)
        self.key = build_projection(channels, inner, projection)
        self.value = build_projection(channels, channels, projection)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.scale = inner**-0.5 if attention_scale else 1.0

    def forward(self, clip: Tensor, last_only: bool = False) -> Tensor:
        """Add context to all frames, or only the last: (B, T, C, H, W) -> (B, S, C, H, W)."""
        queries = clip[:, -1:] if last_only else clip
        # Frames without queries are attended to only along time.
        entries = clip if "time" in self.axes else queries
        context = criss_cross_attention(
            apply_to_frames(self.query, queries),
            apply_to_frames(self.key, entries),
            apply_to_frames(self.value, entries),
            self.axes,
            self.scale,
        )
        return queries + self.gamma * context.movedim(4, 2)


class Decoder(nn.Module):
    """A 3x3 convolution, concatenation with stage 5, another 3x3 convolution and a classifier."""

    def __init__(self, channels: int, num_classes: int, head_channels: int, dropout: float) -> None:
        super().__init__()
        self.conv_out = ConvNormReLU(head_channels, head_channels, 3)
        self.bottleneck = ConvNormReLU(channels + head_channels, head_channels, 3)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def forward(self, stage5: Tensor, x: Tensor) -> Tensor:
        """Classify pixels: (B, C5, H, W) and (B, C, H, W) -> (B, classes, H, W) logits."""
        return self.classifier(self.bottleneck(torch.cat([stage5, self.conv_out(x)], dim=1)))


class CCNetHead(nn.Module):
    """The head `ccnet`: repeated criss-cross attention in the current frame.

    All rounds share their weights.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        recurrence: int,
        attention_axes: str,
        projection: Projection,
        attention_scale: bool,
    ) -> None:
        super().__init__()
        self.recurrence = recurrence
        self.conv_in = ConvNormReLU(channels[1], head_channels, 3)
        axes = attention_axes.split("+")
        self.attention = CrissCross(head_channels, axes, projection, attention_scale)
        self.decoder = Decoder(channels[1], num_classes, head_channels, dropout)

    def forward(self, current: Features) -> Tensor:
        """Return (B, classes, H, W) logits from the features of the frame."""
        x = self.conv_in(current.stage5).unsqueeze(1)
        for _ in range(self.recurrence):
            x = self.attention(x)
        return self.decoder(current.stage5, x[:, 0])


class CC3DHead(nn.Module):
    """The head `cc3d`: criss-cross attention in all frames, including the current one.

    The last recurrence computes only the current frame, as the others are not used.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        memory_slots: int,
        recurrence: int,
        attention_axes: str,
        projection: Projection,
        attention_scale: bool,
    ) -> None:
        super().__init__()
        self.memory_slots = memory_slots
        self.recurrence = recurrence
        self.conv_in = ConvNormReLU(channels[1], head_channels, 3)
        axes = attention_axes.split("+")
        self.attention = CrissCross(head_channels, axes, projection, attention_scale)
        self.decoder = Decoder(channels[1], num_classes, head_channels, dropout)

    def remember(self, features: Features) -> tuple[Tensor, ...]:
        """Return what to remember of each of N frames: (N, C, H, W)."""
        return (self.conv_in(features.stage5),)

    def forward(self, current: Features, memory: tuple[Tensor, ...]) -> Tensor:
        """Return (B, classes, H, W) logits, given what was remembered of T frames."""
        check_memory(memory[0], self.memory_slots, current.stage5)
        (clip,) = memory
        for remaining in reversed(range(self.recurrence)):
            clip = self.attention(clip, last_only=remaining == 0)
        return self.decoder(current.stage5, clip[:, -1])


class CCTMAHead(nn.Module):
    """The head `cc_tma`: criss-cross attention in the current frame, the memory read separately.

    Space: as in `ccnet`. Time: each position attends to the same position in the memory frames,
    with a separate softmax and separate projections; the weight of this context starts at zero.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        memory_slots: int,
        recurrence: int,
        attention_axes: str,
        projection: Projection,
        attention_scale: bool,
    ) -> None:
        super().__init__()
        inner = head_channels // 8
        self.memory_slots = memory_slots
        self.recurrence = recurrence
        self.scale = inner**-0.5 if attention_scale else 1.0
        self.conv_in = ConvNormReLU(channels[1], head_channels, 3)
        space = [axis for axis in attention_axes.split("+") if axis != "time"]
        self.attention = (
            CrissCross(head_channels, space, projection, attention_scale) if space else None
        )
        self.time_query = build_projection(head_channels, inner, projection)
        self.time_key = build_projection(head_channels, inner, projection)
        self.time_value = build_projection(head_channels, head_channels, projection)
        self.time_gamma = nn.Parameter(torch.zeros(1))
        self.decoder = Decoder(channels[1], num_classes, head_channels, dropout)

    def remember(self, features: Features) -> tuple[Tensor, ...]:
        """Return what to remember of N frames: keys (N, K, H, W) and values (N, C, H, W)."""
        x = self.conv_in(features.stage5)
        return self.time_key(x), self.time_value(x)

    def forward(self, current: Features, memory: tuple[Tensor, ...]) -> Tensor:
        """Return (B, classes, H, W) logits, given what was remembered of T frames."""
        check_memory(memory[0], self.memory_slots, current.stage5)
        x = self.conv_in(current.stage5)
        context = self.time_gamma * self._attend_to_past(x, *memory)
        if self.attention is not None:
            for _ in range(self.recurrence):
                x = self.attention(x.unsqueeze(1))[:, 0]
        return self.decoder(current.stage5, x + context)

    def _attend_to_past(self, x: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend along time: (B, C, H, W), (B, T, K, H, W), (B, T, C, H, W) -> (B, C, H, W)."""
        dtype = torch.promote_types(key.dtype, torch.float32)
        query = self.time_query(x).to(dtype) * self.scale
        logits = (query.unsqueeze(1) * key.to(dtype)).sum(dim=2)  # (B, T, H, W)
        weights = torch.softmax(logits, dim=1).to(value.dtype)
        return (weights.unsqueeze(2) * value).sum(dim=1)


def build_projection(in_channels: int, out_channels: int, kind: Projection) -> nn.Module:
    """Build a plain 1x1 convolution, as published, or TMANet's two convolutions with norms."""
    if kind == "1x1":
        return nn.Conv2d(in_channels, out_channels, kernel_size=1)
    return build_norm_projection(in_channels, out_channels, kind)


def apply_to_frames(layer: nn.Module, clip: Tensor) -> Tensor:
    """Apply a 2-D layer to each frame: (B, T, C, H, W) -> (B, T, H, W, out)."""
    return layer(clip.flatten(0, 1)).unflatten(0, clip.shape[:2]).movedim(2, 4)
