"""The attention reads that heads share, and the position code that can be joined to them.

Shapes: B batch, T frames, S frames that ask (all T, or the last alone), K key channels, V value
channels, N queries, M memory entries, H W feature map, L length of an axis.
"""

import functools
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

POSITION_CHANNELS = 12
# Radians per half map: a quarter, a half and a whole period from the centre to the edge.
_FREQUENCIES = (math.pi / 2, math.pi, 2 * math.pi)

_CACHED_BYTES = 8 * 2**20  # of logits: 4 to 14 MiB were equally fast
_ROWS = 16
# Axis of a clip -> its dimension in (B, T, H, W, C).
AXES = {"time": 1, "column": 2, "row": 3}


def full_read(
    query: Tensor, key: Tensor, value: Tensor, scale: float, bias: Tensor | None = None
) -> Tensor:
    """Softmax attention of every query over every entry.

    Logits and softmax are kept in at least float32: without a scale they reach values where
    bfloat16 steps by whole units.

    Args:
        query: (B, K, N).
        key: (B, K, M).
        value: (B, V, M).
        scale: factor on the logits; 1.0 for none.
        bias: (M,) added to the scaled logits: the logarithm of how often an entry counts.

    Returns:
        (B, V, N), of the dtype of `value`.
    """
    exact = torch.promote_types(query.dtype, torch.float32)
    with in_given_precision(query):
        asked, keys = query.to(exact), key.to(exact)
        if fused_is_better(asked, keys):
            return _fused_read(asked, keys, value, scale, bias)
        if scale != 1.0:
            asked = asked * scale
        rows = _queries_at_once(asked, keys, value)
        if rows < asked.shape[2]:
            return _read_by_parts(asked.mT, keys, value, bias, rows)
        logits = asked.mT @ keys  # (B, N, M)
        if bias is not None:
            logits = logits + bias.to(exact)
        weights = torch.softmax(logits, dim=2)
        return torch.matmul(value, weights.to(value.dtype).mT)  # (B, V, N)


def _read_by_parts(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, rows: int
) -> Tensor:
    """(B, N, K), (B, K, M), (B, V, M) -> (B, V, N); the same memory serves all parts."""
    logits, weights = (query.new_empty(len(query) * rows * key.shape[2]) for _ in range(2))
    read = value.new_empty(len(value), value.shape[1], query.shape[1])
    for first in range(0, query.shape[1], rows):
        part = query[:, first : first + rows]
        shape = (*part.shape[:2], key.shape[2])
        here, there = (x[: math.prod(shape)].view(shape) for x in (logits, weights))
        torch.matmul(part, key, out=here)
        if bias is not None:
            here += bias
        torch.softmax(here, dim=2, out=there)
        read[:, :, first : first + rows] = value @ there.to(value.dtype).mT
    return read


def _queries_at_once(query: Tensor, key: Tensor, value: Tensor) -> int:
    """How many of (B, K, N) queries read together: on a CPU those whose logits its cache holds.

    A third faster than all at once and than fused attention, with a fraction of the memory. A
    backward pass needs all logits anyway, and an exported program would hold every part.
    """
    if query.device.type != "cpu" or _trains(query, key, value) or torch.compiler.is_exporting():
        return query.shape[2]
    row_bytes = query.element_size() * query.shape[0] * key.shape[2]
    # In whole vectors: 194 rows took a quarter longer than 192.
    return max(1, _CACHED_BYTES // (_ROWS * max(1, row_bytes))) * _ROWS


def _trains(*read: Tensor) -> bool:
    return torch.is_grad_enabled() and any(x.requires_grad for x in read)


def in_given_precision(like: Tensor) -> AbstractContextManager[object]:
    """Products in the dtype of their operands: autocast would round the logits to bfloat16."""
    kind = like.device.type
    if not torch.amp.is_autocast_available(kind):  # shapes alone, on the meta device
        return nullcontext()
    return torch.autocast(kind, enabled=False)


def fused_is_better(query: Tensor, key: Tensor) -> bool:
    """Whether a full read goes through PyTorch's fused attention, which never holds all logits.

    On CUDA always. On a CPU it takes longer, and its backward pass several times as long
    (`benchmarks/attention.py`), so it is only for exported programs whose logits would fill more
    than 64 MiB.
    """
    if query.is_cuda:
        return True
    logits_bytes = query.element_size() * query.shape[0] * query.shape[2] * key.shape[2]
    return torch.compiler.is_exporting() and logits_bytes > 64 * 2**20


def _fused_read(
    query: Tensor, key: Tensor, value: Tensor, scale: float, bias: Tensor | None
) -> Tensor:
    """`full_read` by F.scaled_dot_product_attention, in the dtype of the query."""
    width = max(query.shape[1], value.shape[1])

    def heads(x: Tensor) -> Tensor:
        """(B, C, L) -> (B, 1, L, width): equal widths and dense rows, else the plain form runs."""
        return F.pad(x.to(query.dtype).mT, (0, width - x.shape[1])).contiguous().unsqueeze(1)

    mask = None if bias is None else bias.to(query.dtype).expand(query.shape[2], -1)
    read = F.scaled_dot_product_attention(
        heads(query), heads(key), heads(value), attn_mask=mask, scale=scale
    )
    return read[:, 0, :, : value.shape[1]].mT.to(value.dtype)


def criss_cross_read(
    query: Tensor, key: Tensor, value: Tensor, axes: Sequence[str], scale: float = 1.0
) -> Tensor:
    """Each place reads the places that share all but one of its coordinates, itself once.

    Source: Huang et al., ICCV 2019, and its three-dimensional form: one softmax over the column
    (H), the row (W) and the same place in all frames (T), the own place counted once.
    Differs: no mask is built and added; where an axis brings the own place again, the diagonal of
    its logits is overwritten. Memory: one logit per place and candidate.

    Args:
        query: (B, S, H, W, K); S is T, or 1 if only the last frame asks.
        key: (B, T, H, W, K).
        value: (B, T, H, W, V).
        axes: some of "time", "column", "row".
        scale: factor on the logits.

    Returns:
        (B, S, H, W, V), of the dtype of `value`.
    """
    exact = torch.promote_types(query.dtype, torch.float32)
    asking = query.shape[1]
    with in_given_precision(query):
        asked, keys = query.to(exact), key.to(exact)
        asked = asked * scale if scale != 1.0 else asked
        logits = []
        for number, axis in enumerate(axes):
            along = _there(axis, asked) @ _there(axis, _read(axis, keys, asking)).mT
            if number > 0:
                # Of T frames the last S ask: the own place of the first is T - S frames on.
                offset = along.shape[4] - along.shape[3]
                along = _without_own_place(along, offset)
            logits.append(_back(axis, along))
        lengths = [x.shape[4] for x in logits]
        joint = torch.cat(logits, dim=4)
        logits.clear()  # each as large as its part of the joint one
        parts = torch.softmax(joint, dim=4).to(value.dtype).split(lengths, dim=4)
        del joint
        found = (
            _back(axis, _there(axis, part) @ _there(axis, _read(axis, value, asking)))
            for axis, part in zip(axes, parts, strict=True)
        )
        return functools.reduce(torch.add, found)


def _without_own_place(logits: Tensor, offset: int) -> Tensor:
    """Overwrite a diagonal of the last two dimensions with minus infinity."""
    if torch.compiler.is_exporting():  # an ONNX graph has no writing into a view
        asking, read = (torch.arange(n, device=logits.device) for n in logits.shape[-2:])
        return logits.masked_fill(read == asking[:, None] + offset, -torch.inf)
    logits.diagonal(offset, dim1=-2, dim2=-1).fill_(-torch.inf)
    return logits


def _read(axis: str, clip: Tensor, asking: int) -> Tensor:
    """The frames that are read along an axis: all along time, else those that ask."""
    return clip if axis == "time" else clip[:, -asking:]


def _there(axis: str, x: Tensor) -> Tensor:
    """Move an axis of (B, T, H, W, ...) behind the other places."""
    return x.movedim(AXES[axis], 3)


def _back(axis: str, x: Tensor) -> Tensor:
    """Undo `_there`."""
    return x.movedim(3, AXES[axis])


def channel_read(x: Tensor) -> Tensor:
    """Each channel reads the channels that are least like it.

    Source: Fu et al., CVPR 2019, section 3.3, as published: softmax(max(E) - E) with E the
    products of channels, which is softmax(-E). The products are sums over all pixels and are kept
    in at least float32.

    Args:
        x: (B, C, H, W).

    Returns:
        (B, C, H, W).
    """
    exact = torch.promote_types(x.dtype, torch.float32)
    with in_given_precision(x):
        flat = x.flatten(2).to(exact)
        weights = torch.softmax(-(flat @ flat.mT), dim=2)  # (B, C, C)
        return (weights @ flat).to(x.dtype).view_as(x)


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
