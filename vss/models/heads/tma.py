"""Temporal memory attention, and the heads that are built around it.

Source: Wang, Wang, Liu: "Temporal Memory Attention for Video Semantic Segmentation", ICIP 2021,
and its published code, for `tma`; Chen et al. 2021, 2.1 and 2.2, for the others. What their text
leaves open is an option here.
Differences: the options `share_slots` (one set of projections for all slots, so that capacity does
not grow with the memory and projections of past frames can be cached), `position_code` (sines and
cosines of the position, concatenated with queries and keys), `attention_scale` and `projection`;
their defaults are as published.
Shapes: N images, B batch, T memory slots, C4 C5 channels of stage 4 and 5, C head channels, K key
channels (C/8), V value channels (C/2), P tokens of a pooled frame, H W feature map; in the shape of
logits, K is the number of classes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vss.models.attention import full_attention, position_code
from vss.models.backbones import Features
from vss.models.heads.asymmetric import StageFusion
from vss.models.layers import (
    Classifier,
    ConvNormReLU,
    Projection,
    build_norm_projection,
    check_memory,
)
from vss.models.pyramid_tokens import Pooling, pool_over_time, pyramid_pool


class TemporalMemory(nn.Module):
    """Attention of each pixel over the memory, concatenated with the pixel's own value.

    Args:
        channels: channels C5 of the current frame and of the memory.
        head_channels: channels C; keys have C/8 and values C/2 (64 and 256 as published).
        memory_slots: the number of frames T in the memory.
        share_slots: use the same projections for every slot.
        position_code: amplitude of the code concatenated with queries and keys; 0 for none.
        projection: the convolutions that compute keys, queries and values.
        attention_scale: divide the logits by the square root of K.
        pooling: how to pool pyramid tokens over time; None to attend to all pixels of the memory.
    """

    def __init__(
        self,
        channels: int,
        head_channels: int,
        memory_slots: int,
        share_slots: bool,
        position_code: float,
        projection: Projection,
        attention_scale: bool,
        pooling: Pooling | None = None,
    ) -> None:
        super().__init__()
        keys, values = head_channels // 8, head_channels // 2
        self.memory_slots = memory_slots
        self.share_slots = share_slots
        self.position_code = position_code
        self.scale = keys**-0.5 if attention_scale else 1.0
        self.pooling = pooling
        projections = 1 if share_slots else memory_slots
        self.memory_key = nn.ModuleList(
            build_norm_projection(channels, keys, projection) for _ in range(projections)
        )
        self.memory_value = nn.ModuleList(
            build_norm_projection(channels, values, projection) for _ in range(projections)
        )
        self.query_key = build_norm_projection(channels, keys, projection)
        self.query_value = build_norm_projection(channels, values, projection)
        self.bottleneck = ConvNormReLU(2 * values, head_channels, 3)

    def remember(self, features: Features) -> tuple[Tensor, ...]:
        """Return what to remember of each of N frames.

        Returns:
            stage 5, (N, C5, H, W); or, if slots share their projections, the keys (N, K, HW) and
            values (N, V, HW), with P tokens instead of HW if they are pooled, and an empty map
            (N, 0, H, W) that has the size of the frame.
        """
        if not self.share_slots:
            return (features.stage5,)
        return (*self._entries(features.stage5, slot=0), features.stage5[:, :0])

    def forward(self, current: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """Read the memory for each pixel of the current frame.

        Args:
            current: (B, C5, H, W).
            memory: the tensors from `remember`, each as (B, T, ...), oldest first.

        Returns:
            (B, C, H, W).

        Raises:
            ValueError: if the memory has the wrong number of frames, or frames of the wrong size.
        """
        *entries, frames = memory
        check_memory(frames, self.memory_slots, current)
        if self.share_slots:
            keys, values = (tensor.unbind(dim=1) for tensor in entries)
        else:
            slots = [self._entries(x, slot) for slot, x in enumerate(frames.unbind(dim=1))]
            keys, values = zip(*slots, strict=True)
        query = self._add_position(self.query_key(current))
        context = self._attend(query.flatten(2), keys, values).unflatten(2, query.shape[-2:])
        return self.bottleneck(torch.cat([self.query_value(current), context], dim=1))

    def _entries(self, stage5: Tensor, slot: int) -> tuple[Tensor, Tensor]:
        """Project (N, C5, H, W) to keys (N, K, HW) and values (N, V, HW), or P pooled tokens."""
        key = self._add_position(self.memory_key[slot](stage5))
        value = self.memory_value[slot](stage5)
        if self.pooling is None:
            return key.flatten(2), value.flatten(2)
        return pyramid_pool(key), pyramid_pool(value)

    def _add_position(self, x: Tensor) -> Tensor:
        """Append the position code to (N, K, H, W) keys or queries."""
        if not self.position_code:
            return x
        height, width = x.shape[-2:]
        code = position_code(height, width, self.position_code, like=x)
        return torch.cat([x, code.expand(len(x), -1, -1, -1)], dim=1)

    def _attend(self, query: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
        """Attend with (B, K, HW) to (B, K, P) and (B, V, P) of each slot: (B, V, HW)."""
        if self.pooling is None:
            key, value = (torch.cat(tuple(slots), dim=2) for slots in (keys, values))
            return full_attention(query, key, value, self.scale)
        key, log_counts = pool_over_time(torch.stack(tuple(keys), dim=1), self.pooling)
        value, _ = pool_over_time(torch.stack(tuple(values), dim=1), self.pooling)
        return full_attention(query, key, value, self.scale, log_counts)


class TMAHead(nn.Module):
    """The heads `tma`, `apnb_tma`, `afnb_tma` and `asym_tma`: temporal attention and a classifier.

    Args:
        channels: channels C4 and C5 of stage 4 and stage 5.
        num_classes: the number of classes.
        head_channels: channels C of the head.
        dropout: dropout probability before the classifier.
        fuse_stages: let AFNB fuse stage 4 into stage 5 of the current frame before it attends to
            the memory, which consists of unfused features.
        memory: further arguments of `TemporalMemory`.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        num_classes: int,
        head_channels: int,
        dropout: float,
        fuse_stages: bool = False,
        **memory: Any,
    ) -> None:
        super().__init__()
        self.fusion = StageFusion(channels, head_channels // 2) if fuse_stages else None
        self.read = TemporalMemory(channels[1], head_channels, **memory)
        self.classifier = Classifier(head_channels, num_classes, dropout)

    def remember(self, features: Features) -> tuple[Tensor, ...]:
        """Return what to remember of each of N frames."""
        return self.read.remember(features)

    def forward(self, current: Features, memory: tuple[Tensor, ...]) -> Tensor:
        """Return (B, K, H, W) logits, given what was remembered of T frames."""
        stage5 = current.stage5 if self.fusion is None else self.fusion(current)
        return self.classifier(self.read(stage5, memory))
