"""Pyramid tokens: the feature maps of one or several frames, as a short list of means.

Shapes: N images, B batch, T frames, C channels, H W feature map, M tokens of a clip.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

PYRAMID_BINS = (1, 3, 6, 8)
Pooling = Literal["cube", "clip", "frame", "flat"]


def pyramid_pool(x: Tensor, bins: Sequence[int] = PYRAMID_BINS) -> Tensor:
    """Pool over regular grids into one list of tokens: (N, C, H, W) -> (N, C, sum of bins²).

    Source: Zhu et al., ICCV 2019, section 3.2; 110 tokens with the published bins.
    """
    return torch.cat([F.adaptive_avg_pool2d(x, edge).flatten(2) for edge in bins], dim=2)


def pool_over_time(
    tokens: Tensor, pooling: Pooling, bins: Sequence[int] = PYRAMID_BINS
) -> tuple[Tensor, Tensor | None]:
    """Pool the pyramid tokens of the frames of a clip over time.

    The windows of adaptive pooling are boxes, so pooling a clip is the same as pooling each frame
    and then averaging over time. This is exact, and the tokens of past frames can be cached.

    Args:
        tokens: (B, T, C, sum of bins²), from `pyramid_pool`.
        pooling: the number of bins over time at a level with b bins along each edge: b (`cube`, as
            in three-dimensional adaptive pooling), b but at most one per frame (`clip`), one per
            frame (`frame`), or one (`flat`).
        bins: the number of bins along each edge, for each level.

    Returns:
        (B, C, M) tokens, and (M,) the logarithm of how many times each counts, or None if all count
        once: with fewer frames than bins, `cube` repeats windows, which appear only once here.
    """
    frames = tokens.shape[1]
    means, counts = [], []
    for level, edge in zip(tokens.split([b * b for b in bins], dim=3), bins, strict=True):
        for (first, stop), count in _windows(pooling, edge, frames).items():
            means.append(level[:, first:stop].mean(dim=1))
            counts += [count] * edge**2
    pooled_tokens = torch.cat(means, dim=2)
    if max(counts) == 1:
        return pooled_tokens, None
    return pooled_tokens, torch.tensor(counts, dtype=torch.float64).log().to(tokens.device)


def _windows(pooling: Pooling, edge: int, frames: int) -> dict[tuple[int, int], int]:
    """Map each window over time, (first frame, last frame + 1), to how many times it occurs."""
    count = {"cube": edge, "clip": min(edge, frames), "frame": frames, "flat": 1}[pooling]
    occurrences: dict[tuple[int, int], int] = {}
    for i in range(count):
        window = (i * frames // count, -(-(i + 1) * frames // count))
        occurrences[window] = occurrences.get(window, 0) + 1
    return occurrences
