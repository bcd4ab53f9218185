"""Criss-cross attention, in the current frame and over a memory.

Source: Huang et al., ICCV 2019 (CCNet), in the form of the OpenMMLab segmentation toolbox 1.2, and
the three-dimensional form of the pure PyTorch port, against whose outputs the tests compare; Chen
et al. 2021, 2.3, for space and time separated, whose text fixes only that the current frame has
more weight and that the memory is "supporting data".
Shapes: B batch, T frames, S frames that ask, C5 channels of stage 5, C head channels, K C/8 key
channels, H W feature map.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vss.models.attention import criss_cross_read
from vss.models.backbones import Features
from vss.models.layers import Classifier, ConvNormReLU, Projection, check_memory, project


class CrissCross(nn.Module):
    """x plus what each place reads along the axes; the weight of what is read starts at zero.

    Args:
        channels: C.
        axes: some of "row", "column", "time".
        projection: 1x1 as published: plain convolutions.
        attention_scale: divide the logits by the square root of K.
    """

    def __init__(
        self, channels: int, axes: Sequence[str], projection: Projection, attention_scale: bool
    ) -> None:
        super().__init__()
        inner = channels // 8
        self.axes = tuple(axes)
        self.query = plain_or_deep(channels, inner, projection)
        self.key = plain_or_deep(channels, inner, projection)
        self.value = plain_or_deep(channels, channels, projection)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.scale = inner**-0.5 if attention_scale else 1.0

    def forward(self, clip: Tensor, last_only: bool = False) -> Tensor:
        """(B, T, C, H, W) -> (B, S, C, H, W): all frames, or the last one alone."""
        asking = clip[:, -1:] if last_only else clip
        # Frames other than the last are read along time only.
        read = clip if "time" in self.axes else asking
        context = criss_cross_read(
            framewise(self.query, asking),
            framewise(self.key, read),
            framewise(self.value, read),
            self.axes,
            self.scale,
        )
        return asking + self.gamma * context.movedim(4, 2)


class Decoder(nn.Module):
    """A 3x3 convolution, the result joined to stage 5, another 3x3 and a classifier."""

    def __init__(self, channels: int, num_classes: int, head_channels: int, dropout: float) -> None:
        super().__init__()
        self.conv_out = ConvNormReLU(head_channels, head_channels, 3)
        self.bottleneck = ConvNormReLU(channels + head_channels, head_channels, 3)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def forward(self, stage5: Tensor, x: Tensor) -> Tensor:
        """(B, C5, H, W) and (B, C, H, W) -> (B, classes, H, W) logits."""
        return self.classifier(self.bottleneck(torch.cat([stage5, self.conv_out(x)], dim=1)))


class CCNetHead(nn.Module):
    """Criss-cross attention in the current frame, repeated with the same weights (`ccnet`)."""

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
        """Features of the frame -> (B, classes, H, W) logits."""
        x = self.conv_in(current.stage5).unsqueeze(1)
        for _ in range(self.recurrence):
            x = self.attention(x)
        return self.decoder(current.stage5, x[:, 0])


class CC3DHead(nn.Module):
    """Criss-cross attention of all frames, the current one among them (`cc3d`).

    Only the current frame is read of the last recurrence, so only it asks there.
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
        """What is kept of each of N frames: (N, C, H, W)."""
        return (self.conv_in(features.stage5),)

    def forward(self, current: Features, memory: tuple[Tensor, ...]) -> Tensor:
        """Features of the frame, and what was kept of T frames -> (B, classes, H, W) logits."""
        check_memory(memory[0], self.memory_slots, current.stage5)
        (clip,) = memory
        for again in reversed(range(self.recurrence)):
            clip = self.attention(clip, last_only=again == 0)
        return self.decoder(current.stage5, clip[:, -1])


class CCTMAHead(nn.Module):
    """Space and time separated: criss-cross in the current frame, the memory beside it (`cc_tma`).

    Space: as in `ccnet`. Time: each place reads the same place of the memory frames, by a softmax
    and by projections of its own; the weight of what it reads starts at zero.
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
        self.time_query = plain_or_deep(head_channels, inner, projection)
        self.time_key = plain_or_deep(head_channels, inner, projection)
        self.time_value = plain_or_deep(head_channels, head_channels, projection)
        self.time_gamma = nn.Parameter(torch.zeros(1))
        self.decoder = Decoder(channels[1], num_classes, head_channels, dropout)

    def remember(self, features: Features) -> tuple[Tensor, ...]:
        """What is kept of each of N frames: keys (N, K, H, W) and values (N, C, H, W)."""
        x = self.conv_in(features.stage5)
        return self.time_key(x), self.time_value(x)

    def forward(self, current: Features, memory: tuple[Tensor, ...]) -> Tensor:
        """Features of the frame, and what was kept of T frames -> (B, classes, H, W) logits."""
        check_memory(memory[0], self.memory_slots, current.stage5)
        x = self.conv_in(current.stage5)
        read = self.time_gamma * self._read_time(x, *memory)
        if self.attention is not None:
            for _ in range(self.recurrence):
                x = self.attention(x.unsqueeze(1))[:, 0]
        return self.decoder(current.stage5, x + read)

    def _read_time(self, x: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, C, H, W), (B, T, K, H, W), (B, T, C, H, W) -> (B, C, H, W)."""
        exact = torch.promote_types(key.dtype, torch.float32)
        query = self.time_query(x).to(exact) * self.scale
        logits = (query.unsqueeze(1) * key.to(exact)).sum(dim=2)  # (B, T, H, W)
        weights = torch.softmax(logits, dim=1).to(value.dtype)
        return (weights.unsqueeze(2) * value).sum(dim=1)


def plain_or_deep(in_channels: int, out_channels: int, kind: Projection) -> nn.Module:
    """A plain 1x1 convolution as published, or TMANet's two convolutions with norms."""
    if kind == "1x1":
        return nn.Conv2d(in_channels, out_channels, kernel_size=1)
    return project(in_channels, out_channels, kind)


def framewise(layer: nn.Module, clip: Tensor) -> Tensor:
    """Apply a 2-D layer to each frame: (B, T, C, H, W) -> (B, T, H, W, out)."""
    return layer(clip.flatten(0, 1)).unflatten(0, clip.shape[:2]).movedim(2, 4)
