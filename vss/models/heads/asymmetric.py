"""Asymmetric non-local attention: every pixel attends to a pyramid of pooled tokens.

Source: Zhu et al., ICCV 2019, and the OpenMMLab segmentation toolbox 1.2, which has the same
outputs (tested) and initialisation.
Differences: the projection that APNB shares between keys and queries is computed once, so that its
running statistics are updated once per step, not twice.
Shapes: B batch, C4 C5 channels of stage 4 and 5, C head channels, P inner channels (C/2), H W
feature map; K classes.
"""

import torch
from torch import Tensor, nn

from vss.models.attention import full_attention
from vss.models.backbones import Features
from vss.models.layers import Classifier, ConvNorm, ConvNormReLU
from vss.models.pyramid_tokens import pyramid_pool


class StageFusion(nn.Module):
    """The AFNB block: pixels of stage 5 attend to the pooled stage 4 and are fused with it.

    Args:
        channels: C4 and C5.
        inner_channels: channels P of queries, keys and values.
    """

    def __init__(self, channels: tuple[int, int], inner_channels: int) -> None:
        super().__init__()
        low, high = channels
        self.query = ConvNormReLU(high, inner_channels, 1)
        self.key = ConvNormReLU(low, inner_channels, 1)
        self.value = nn.Conv2d(low, inner_channels, kernel_size=1)
        self.output = zero_weights(nn.Conv2d(inner_channels, high, kernel_size=1))
        self.bottleneck = ConvNorm(2 * high, high, 1)

    def forward(self, features: Features) -> Tensor:
        """Fuse the features of B frames into (B, C5, H, W)."""
        low, high = features
        context = pyramid_attention(self.query(high), self.key(low), self.value(low))
        return self.bottleneck(torch.cat([self.output(context), high], dim=1))


class PyramidAttention(nn.Module):
    """The APNB block: pixels attend to the pooled map that they belong to."""

    def __init__(self, channels: int, inner_channels: int) -> None:
        super().__init__()
        self.key = ConvNormReLU(channels, inner_channels, 1)
        self.value = nn.Conv2d(channels, inner_channels, kernel_size=1)
        self.output = zero_weights(nn.Conv2d(inner_channels, channels, kernel_size=1))
        self.bottleneck = ConvNormReLU(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Add context to a feature map: (B, C, H, W) -> (B, C, H, W)."""
        key = self.key(x)  # also the query
        context = pyramid_attention(key, key, self.value(x))
        return self.bottleneck(torch.cat([self.output(context), x], dim=1))


class ANNHead(nn.Module):
    """The ANN head: AFNB, a 3x3 convolution, APNB and a classifier."""

    def __init__(
        self, channels: tuple[int, int], num_classes: int, head_channels: int, dropout: float
    ) -> None:
        super().__init__()
        self.fusion = StageFusion(channels, head_channels // 2)
        self.dropout = nn.Dropout2d(dropout)
        self.bottleneck = ConvNormReLU(channels[1], head_channels, 3)
        self.context = PyramidAttention(head_channels, head_channels // 2)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def forward(self, current: Features) -> Tensor:
        """Return (B, K, H, W) logits from the features of the frame."""
        x = self.bottleneck(self.dropout(self.fusion(current)))
        return self.classifier(self.context(x))


def pyramid_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Let the pixels of `query` attend to pooled keys and values, all (B, P, H, W), scaled."""
    scale = query.shape[1] ** -0.5
    context = full_attention(query.flatten(2), pyramid_pool(key), pyramid_pool(value), scale)
    return context.unflatten(2, query.shape[-2:])


def zero_weights(conv: nn.Conv2d) -> nn.Conv2d:
    """Set a convolution to zero, so that its branch starts as a no-op."""
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
