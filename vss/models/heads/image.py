"""Heads that read only the current frame.

Source: named by each class; projections, order and initialisation are those of the OpenMMLab
segmentation toolbox 1.2, whose outputs the tests compare with.
Shapes: B batch, C4 C5 channels of stage 4 and 5, C head channels, K classes, H W feature map.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from vss.models.attention import full_attention
from vss.models.backbones import Features
from vss.models.layers import Classifier, ConvNorm, ConvNormReLU, PyramidPooling


class FCNHead(nn.Module):
    """A 3x3 convolution and a classifier (Long et al., CVPR 2015).

    On stage 5 it is a head; on stage 4 it is the auxiliary head, whose loss speeds up the training
    of the layers below it.
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
        """Return (B, K, H, W) logits from the features of the frame."""
        return self.classifier(self.conv(getattr(current, self.stage)))


class PSPHead(nn.Module):
    """The pyramid pooling head on stage 5 (Zhao et al., CVPR 2017)."""

    def __init__(
        self, channels: tuple[int, int], num_classes: int, head_channels: int, dropout: float
    ) -> None:
        super().__init__()
        self.pyramid = PyramidPooling(channels[1], head_channels)
        pooled_channels = channels[1] + len(self.pyramid.bins) * head_channels
        self.bottleneck = ConvNormReLU(pooled_channels, head_channels, 3)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def forward(self, current: Features) -> Tensor:
        """Return (B, K, H, W) logits from the features of the frame."""
        return self.classifier(self.bottleneck(self.pyramid(current.stage5)))


class NonLocalHead(nn.Module):
    """The non-local head: every pixel attends to the whole current frame (Wang et al., CVPR 2018).

    It is the embedded Gaussian version: logits are scaled by 1/sqrt(C/2) unless `attention_scale`
    is false, and the context is added as a residual whose norm starts at zero.
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
        """Return (B, K, H, W) logits from the features of the frame."""
        x = self.conv_out(self.attention(self.conv_in(current.stage5)))
        return self.classifier(self.bottleneck(torch.cat([current.stage5, x], dim=1)))


class NonLocalAttention(nn.Module):
    """Non-local attention: adds to each pixel the context of the whole frame."""

    def __init__(self, channels: int, attention_scale: bool) -> None:
        super().__init__()
        inner = channels // 2
        self.query = nn.Conv2d(channels, inner, kernel_size=1)
        self.key = nn.Conv2d(channels, inner, kernel_size=1)
        self.value = nn.Conv2d(channels, inner, kernel_size=1)
        self.output = ConvNorm(inner, channels, 1)
        self.scale = inner**-0.5 if attention_scale else 1.0
        for projection in (self.query, self.key, self.value):
            nn.init.normal_(projection.weight, std=0.01)
            nn.init.zeros_(projection.bias)  # type: ignore[arg-type]  # there is a bias by default
        nn.init.zeros_(self.output[1].weight)  # type: ignore[arg-type]  # the branch starts as a no-op

    def forward(self, x: Tensor) -> Tensor:
        """Add context to a feature map: (B, C, H, W) -> (B, C, H, W)."""
        context = full_attention(
            self.query(x).flatten(2), self.key(x).flatten(2), self.value(x).flatten(2), self.scale
        )
        return x + self.output(context.unflatten(2, x.shape[-2:]))
