"""Heads that see the current frame only.

Source: as each class says; projections, order and initialisation are those of the OpenMMLab
segmentation toolbox 1.2, against whose outputs the tests compare.
Shapes: B batch, C4 C5 channels of stage 4 and 5, C head channels, K classes, H W feature map.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from vss.models.attention import full_read
from vss.models.backbones import Features
from vss.models.layers import Classifier, ConvNormReLU, PyramidPooling


class FCNHead(nn.Module):
    """A 3x3 convolution and a classifier (Long et al., CVPR 2015).

    On stage 5 it is a head; on stage 4 it is the auxiliary head, whose weaker prediction trains
    the layers below it faster.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        stage: Literal["stage4", "stage5"] = "stage5",
    ) -> None:
        super().__init__()
        self.stage = stage
        self.conv = ConvNormReLU(channels[Features._fields.index(stage)], head_channels, 3)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def forward(self, current: Features) -> Tensor:
        """Features of the frame -> (B, K, H, W) logits."""
        return self.classifier(self.conv(getattr(current, self.stage)))


class PSPHead(nn.Module):
    """Pyramid pooling on stage 5 (Zhao et al., CVPR 2017)."""

    def __init__(
        self, channels: tuple[int, int], num_classes: int, head_channels: int, dropout: float
    ) -> None:
        super().__init__()
        self.pyramid = PyramidPooling(channels[1], head_channels)
        pooled_channels = channels[1] + len(self.pyramid.bins) * head_channels
        self.bottleneck = ConvNormReLU(pooled_channels, head_channels, 3)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def forward(self, current: Features) -> Tensor:
        """Features of the frame -> (B, K, H, W) logits."""
        return self.classifier(self.bottleneck(self.pyramid(current.stage5)))


class NonLocalHead(nn.Module):
    """Attention of every pixel over the current frame (Wang et al., CVPR 2018).

    Embedded Gaussian: logits scaled by 1/sqrt(C/2) unless `attention_scale` is false, a residual
    whose norm starts at zero.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        attention_scale: bool,
    ) -> None:
        super().__init__()
        self.conv_in = ConvNormReLU(channels[1], head_channels, 3)
        self.attention = NonLocalAttention(head_channels, attention_scale)
        self.conv_out = ConvNormReLU(head_channels, head_channels, 3)
        self.bottleneck = ConvNormReLU(channels[1] + head_channels, head_channels, 3)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def forward(self, current: Features) -> Tensor:
        """Features of the frame -> (B, K, H, W) logits."""
        x = self.conv_out(self.attention(self.conv_in(current.stage5)))
        return self.classifier(self.bottleneck(torch.cat([current.stage5, x], dim=1)))


class NonLocalAttention(nn.Module):
    """x plus what each of its pixels reads from all others; (B, C, H, W) in and out."""

    def __init__(self, channels: int, attention_scale: bool) -> None:
        super().__init__()
        inner = channels // 2
        self.query = nn.Conv2d(channels, inner, kernel_size=1)
        self.key = nn.Conv2d(channels, inner, kernel_size=1)
        self.value = nn.Conv2d(channels, inner, kernel_size=1)
        norm = nn.BatchNorm2d(channels)
        self.output = nn.Sequential(nn.Conv2d(inner, channels, kernel_size=1, bias=False), norm)
        self.scale = inner**-0.5 if attention_scale else 1.0
        for projection in (self.query, self.key, self.value):
            nn.init.normal_(projection.weight, std=0.01)
            nn.init.zeros_(projection.bias)  # type: ignore[arg-type]  # it has one by default
        nn.init.zeros_(norm.weight)  # the branch starts as a no-op

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        context = full_read(
            self.query(x).flatten(2), self.key(x).flatten(2), self.value(x).flatten(2), self.scale
        )
        return x + self.output(context.unflatten(2, x.shape[-2:]))
