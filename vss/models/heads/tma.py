"""Temporal memory attention over the frames before the current one.

Source: Wang, Wang, Liu: "Temporal Memory Attention for Video Semantic Segmentation", ICIP 2021,
and its published code.
Differs: `share_slots` (one set of projections for all slots: capacity then does not grow with the
memory, and what was projected once can be cached) and `position_code` (sines and cosines of the
place joined to queries and keys) are ours; both are off as published.
Shapes: B batch, T memory slots, C5 channels of stage 5, C head channels, K C/8 key channels,
V C/2 value channels, H W feature map.
"""

import torch
from torch import Tensor, nn

from vss.models.attention import full_read, position_code
from vss.models.backbones import Features
from vss.models.layers import Classifier, ConvNormReLU


class TMAHead(nn.Module):
    """Each pixel reads the memory by unscaled softmax attention, joined to its own value.

    Args:
        channels: of stage 4 and stage 5.
        num_classes: classes of the logits.
        head_channels: C; keys are C/8 wide and values C/2 (64 and 256 as published).
        dropout: before the classifier.
        memory_slots: T, frames in the memory.
        share_slots: the same projections for every slot.
        position_code: amplitude of the code joined to queries and keys; 0 for none.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        memory_slots: int,
        share_slots: bool,
        position_code: float,
    ) -> None:
        super().__init__()
        keys, values = head_channels // 8, head_channels // 2
        self.share_slots = share_slots
        self.position_code = position_code
        own = 1 if share_slots else memory_slots
        self.memory_key = nn.ModuleList(projection(channels[1], keys) for _ in range(own))
        self.memory_value = nn.ModuleList(projection(channels[1], values) for _ in range(own))
        self.query_key = projection(channels[1], keys)
        self.query_value = projection(channels[1], values)
        self.bottleneck = ConvNormReLU(2 * values, head_channels, 3)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def remember(self, features: Features) -> tuple[Tensor, ...]:
        """What is kept of each of N frames: keys and values if slots share them, else stage 5."""
        if self.share_slots:
            return self.memory_key[0](features.stage5), self.memory_value[0](features.stage5)
        return (features.stage5,)

    def forward(self, current: Features, memory: tuple[Tensor, ...]) -> Tensor:
        """Read the memory for each pixel of the current frame.

        Args:
            current: features of the frame to segment.
            memory: what `remember` kept, each as (B, T, ...), oldest first.

        Returns:
            (B, num_classes, H, W) logits.
        """
        key, value = memory if self.share_slots else self._project_slots(memory[0])
        query = self.query_key(current.stage5)  # (B, K, H, W)
        height, width = query.shape[-2:]
        if self.position_code:
            code = position_code(height, width, self.position_code, query)
            query = torch.cat([query, code.expand(len(query), -1, -1, -1)], dim=1)
            key = torch.cat([key, code.expand(*key.shape[:2], -1, -1, -1)], dim=2)
        context = full_read(
            query.flatten(2),
            key.transpose(1, 2).flatten(2),  # (B, K, THW)
            value.transpose(1, 2).flatten(2),  # (B, V, THW)
            scale=1.0,
        ).unflatten(2, (height, width))
        own = self.query_value(current.stage5)  # (B, V, H, W)
        return self.classifier(self.bottleneck(torch.cat([own, context], dim=1)))

    def _project_slots(self, stage5: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C5, H, W) -> (B, T, K, H, W) and (B, T, V, H, W), own weights for each slot."""
        frames = stage5.unbind(dim=1)
        keys = [project(x) for project, x in zip(self.memory_key, frames, strict=True)]
        values = [project(x) for project, x in zip(self.memory_value, frames, strict=True)]
        return torch.stack(keys, dim=1), torch.stack(values, dim=1)


def projection(in_channels: int, out_channels: int) -> nn.Sequential:
    """How keys and values are computed: a 1x1, then a 3x3 convolution."""
    return nn.Sequential(
        ConvNormReLU(in_channels, out_channels, 1), ConvNormReLU(out_channels, out_channels, 3)
    )
