"""Pyramid tokens: a feature map, or the maps of several frames, as a short list of means."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

PYRAMID_BINS = (1, 3, 6, 8)
Pooling = Literal["cube", "clip", "frame", "flat"]


def pyramid_pool(x: Tensor, bins: Sequence[int] = PYRAMID_BINS) -> Tensor:
    """Means over regular grids, as one list of tokens: (N, C, H, W) -> (N, C, sum of bins²).

    Source: Zhu et al., ICCV 2019, section 3.2; 110 tokens with the published bins.
    """
    return torch.cat([F.adaptive_avg_pool2d(x, edge).flatten(2) for edge in bins], dim=2)


def pool_over_time(
    tokens: Tensor, pooling: Pooling, bins: Sequence[int] = PYRAMID_BINS
) -> tuple[Tensor, Tensor | None]:
    """Pyramid tokens of a clip from those of its frames.

    Windows of adaptive pooling are boxes, so that pooling a clip is pooling each frame once and
    then averaging over time: exact, and what was pooled of a past frame can be kept.

    Args:
        tokens: (B, T, C, sum of bins²) as `pyramid_pool` gave them.
        pooling: bins over time of a level with b bins along each edge: b as well (`cube`, as in
            three-dimensional adaptive pooling), b but at most one a frame (`clip`), one a frame
            (`frame`), or one (`flat`).
        bins: of the levels.

    Returns:
        (B, C, M) tokens, and (M,) the logarithm of how often each counts, or None if all count
        once: with fewer frames than bins, `cube` repeats windows, which are read only once here.
    """
    frames = tokens.shape[1]
    read, counts = [], []
    for level, edge in zip(tokens.split([b * b for b in bins], dim=3), bins, strict=True):
        windows = _windows(pooling, edge, frames)
        for (first, last), count in windows.items():
            read.append(level[:, first:last].mean(dim=1))
            counts += [count] * edge**2
    pooled = torch.cat(read, dim=2)
    if max(counts) == 1:
        return pooled, None
    return pooled, torch.tensor(counts, dtype=torch.float64).log().to(tokens.device)


def _windows(pooling: Pooling, edge: int, frames: int) -> dict[tuple[int, int], int]:
    """(first frame, one past the last) of each window over time -> how often it occurs."""
    count = {"cube": edge, "clip": min(edge, frames), "frame": frames, "flat": 1}[pooling]
    found: dict[tuple[int, int], int] = {}
    for i in range(count):
        window = (i * frames // count, -(-(i + 1) * frames // count))
        found[window] = found.get(window, 0) + 1
    return found
