"""The attention reads that heads share, and the position code that can be joined to them.

Shapes: B batch, K key channels, V value channels, N queries, M memory entries, H W feature map.
"""

import math

import torch
from torch import Tensor

POSITION_CHANNELS = 12
# Radians per half map: a quarter, a half and a whole period from the centre to the edge.
_FREQUENCIES = (math.pi / 2, math.pi, 2 * math.pi)


def full_read(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Softmax attention of every query over every entry.

    Logits and softmax are kept in at least float32: without a scale they reach values where
    bfloat16 steps by whole units.

    Args:
        query: (B, K, N).
        key: (B, K, M).
        value: (B, V, M).
        scale: factor on the logits; 1.0 for none.

    Returns:
        (B, V, N), of the dtype of `value`.
    """
    exact = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(query.device.type, enabled=False):
        logits = torch.matmul(query.mT.to(exact), key.to(exact))  # (B, N, M)
        weights = torch.softmax(logits * scale if scale != 1.0 else logits, dim=2)
        return torch.matmul(value, weights.to(value.dtype).mT)  # (B, V, N)


def position_code(height: int, width: int, amplitude: float, like: Tensor) -> Tensor:
    """Sines and cosines of both coordinates at three frequencies.

    The product of two codes is largest where the places are equal, so that a query whose content
    is unreadable still finds its own place in the memory.

    Args:
        height: H of the map.
        width: W of the map.
        amplitude: factor on every channel; a logit gains up to 6 times its square.
        like: a tensor whose device and dtype the code takes.

    Returns:
        (12, H, W).
    """
    rows = torch.linspace(-1, 1, height, device=like.device)[:, None].expand(height, width)
    columns = torch.linspace(-1, 1, width, device=like.device)[None, :].expand(height, width)
    waves = [
        wave(place * frequency)
        for place in (rows, columns)
        for frequency in _FREQUENCIES
        for wave in (torch.sin, torch.cos)
    ]
    return (amplitude * torch.stack(waves)).to(like.dtype)
