"""The attention functions that heads share, and the position code for queries and keys.

Shapes: B batch, T frames, S query frames (all T, or only the last), K key channels, V value
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
# Radians from the centre of the map to its edge: a quarter, a half and a whole period.
_FREQUENCIES = (math.pi / 2, math.pi, 2 * math.pi)

_CACHED_BYTES = 8 * 2**20  # size of the logits of a part; 4 to 14 MiB are equally fast
_VECTOR_ROWS = 16
# Axis of a clip -> its dimension in (B, T, H, W, C).
AXES = {"time": 1, "column": 2, "row": 3}


def full_attention(
    query: Tensor, key: Tensor, value: Tensor, scale: float, bias: Tensor | None = None
) -> Tensor:
    """Let every query attend to every memory entry.

    Logits and softmax are computed in float32 or higher, because unscaled logits can be so large
    that neighbouring bfloat16 numbers differ by whole units.

    Args:
        query: (B, K, N).
        key: (B, K, M).
        value: (B, V, M).
        scale: factor on the logits; 1.0 leaves them unscaled.
        bias: (M,) added to the scaled logits: the logarithm of how many times each entry counts.

    Returns:
        (B, V, N), of the dtype of `value`.
    """
    dtype = torch.promote_types(query.dtype, torch.float32)
    with keep_precision(query):
        query, key = query.to(dtype), key.to(dtype)
        if prefers_fused_attention(query, key):
            return _fused_attention(query, key, value, scale, bias)
        if scale != 1.0:
            query = query * scale
        rows = _queries_per_part(query, key, value)
        if rows < query.shape[2]:
            return _attend_in_parts(query.mT, key, value, bias, rows)
        logits = query.mT @ key  # (B, N, M)
        if bias is not None:
            logits = logits + bias.to(dtype)
        weights = torch.softmax(logits, dim=2)
        return torch.matmul(value, weights.to(value.dtype).mT)  # (B, V, N)


def _attend_in_parts(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, rows: int
) -> Tensor:
    """Attend with `rows` queries at a time: (B, N, K), (B, K, M), (B, V, M) -> (B, V, N).

    All parts reuse the same buffers.
    """
    logits, weights = (query.new_empty(len(query) * rows * key.shape[2]) for _ in range(2))
    context = value.new_empty(len(value), value.shape[1], query.shape[1])
    for first in range(0, query.shape[1], rows):
        part = query[:, first : first + rows]
        shape = (*part.shape[:2], key.shape[2])
        part_logits, part_weights = (x[: math.prod(shape)].view(shape) for x in (logits, weights))
        torch.matmul(part, key, out=part_logits)
        if bias is not None:
            part_logits += bias
        torch.softmax(part_logits, dim=2, out=part_weights)
        context[:, :, first : first + rows] = value @ part_weights.to(value.dtype).mT
    return context


def _queries_per_part(query: Tensor, key: Tensor, value: Tensor) -> int:
    """Return how many of the (B, K, N) queries to process at once.

    On a CPU, as many as keep their logits in the cache: this is a third faster than fused
    attention or all queries at once, and takes a fraction of the RAM. A backward pass needs all
    logits anyway, and an exported program would contain every part.
    """
    needs_gradient = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    if query.device.type != "cpu" or needs_gradient or torch.compiler.is_exporting():
        return query.shape[2]
    row_bytes = query.element_size() * query.shape[0] * key.shape[2]
    # A multiple of the vector length: 194 rows take a quarter longer than 192.
    return max(1, _CACHED_BYTES // (_VECTOR_ROWS * max(1, row_bytes))) * _VECTOR_ROWS


def keep_precision(like: Tensor) -> AbstractContextManager[object]:
    """Return a context that computes in the operands' dtype, where autocast would use bfloat16."""
    kind = like.device.type
    if not torch.amp.is_autocast_available(kind):  # the meta device, which has only shapes
        return nullcontext()
    return torch.autocast(kind, enabled=False)


def prefers_fused_attention(query: Tensor, key: Tensor) -> bool:
    """Return whether to use PyTorch's fused attention, which never stores all logits.

    On CUDA it is always used. On a CPU fused attention takes longer, and its backward pass several
    times as long (`benchmarks/attention.py`), so it is used only in exported programs whose logits
    would fill more than 64 MiB.
    """
    if query.is_cuda:
        return True
    logits_bytes = query.element_size() * query.shape[0] * query.shape[2] * key.shape[2]
    return torch.compiler.is_exporting() and logits_bytes > 64 * 2**20


def _fused_attention(
    query: Tensor, key: Tensor, value: Tensor, scale: float, bias: Tensor | None
) -> Tensor:
    """Compute `full_attention` with F.scaled_dot_product_attention, in the dtype of the query."""
    width = max(query.shape[1], value.shape[1])

    def to_heads(x: Tensor) -> Tensor:
        """Reshape (B, C, L) -> (B, 1, L, width): fused kernels need equal widths, dense rows."""
        return F.pad(x.to(query.dtype).mT, (0, width - x.shape[1])).contiguous().unsqueeze(1)

    mask = None if bias is None else bias.to(query.dtype).expand(query.shape[2], -1)
    context = F.scaled_dot_product_attention(
        to_heads(query), to_heads(key), to_heads(value), attn_mask=mask, scale=scale
    )
    return context[:, 0, :, : value.shape[1]].mT.to(value.dtype)


def criss_cross_attention(
    query: Tensor, key: Tensor, value: Tensor, axes: Sequence[str], scale: float = 1.0
) -> Tensor:
    """Let each position attend to all positions along the given axes, counting itself once.

    Source: Huang et al., ICCV 2019, and its three-dimensional extension: one softmax over the
    column (H), the row (W) and the same position in all frames (T), counting the query's own
    position once. Differences: no mask is built and added; where an axis repeats the query's own
    position, the diagonal of its logits is overwritten. One logit is stored per candidate.

    Args:
        query: (B, S, H, W, K); S is T, or 1 to query only the last frame.
        key: (B, T, H, W, K).
        value: (B, T, H, W, V).
        axes: some of "time", "column", "row".
        scale: factor on the logits.

    Returns:
        (B, S, H, W, V), of the dtype of `value`.
    """
    dtype = torch.promote_types(query.dtype, torch.float32)
    query_frames = query.shape[1]
    with keep_precision(query):
        query, key = query.to(dtype), key.to(dtype)
        query = query * scale if scale != 1.0 else query
        logits = []
        for number, axis in enumerate(axes):
            axis_keys = _move_axis_last(axis, _frames_along(axis, key, query_frames))
            along = _move_axis_last(axis, query) @ axis_keys.mT
            if number > 0:
                # Queries are the last S of T frames: the first one's own position is T - S.
                offset = along.shape[4] - along.shape[3]
                along = _mask_own_position(along, offset)
            logits.append(_move_axis_back(axis, along))
        lengths = [x.shape[4] for x in logits]
        joint = torch.cat(logits, dim=4)
        logits.clear()  # they take as much memory as the joint logits
        parts = torch.softmax(joint, dim=4).to(value.dtype).split(lengths, dim=4)
        del joint
        contexts = (
            _move_axis_back(
                axis,
                _move_axis_last(axis, part)
                @ _move_axis_last(axis, _frames_along(axis, value, query_frames)),
            )
            for axis, part in zip(axes, parts, strict=True)
        )
        return functools.reduce(torch.add, contexts)


def _mask_own_position(logits: Tensor, offset: int) -> Tensor:
    """Overwrite a diagonal of the last two dimensions with minus infinity."""
    if torch.compiler.is_exporting():  # an ONNX graph cannot write into a view
        rows, columns = (torch.arange(n, device=logits.device) for n in logits.shape[-2:])
        return logits.masked_fill(columns == rows[:, None] + offset, -torch.inf)
    logits.diagonal(offset, dim1=-2, dim2=-1).fill_(-torch.inf)
    return logits


def _frames_along(axis: str, clip: Tensor, query_frames: int) -> Tensor:
    """Return the frames to attend to along an axis: all along time, else only the query frames."""
    return clip if axis == "time" else clip[:, -query_frames:]


def _move_axis_last(axis: str, x: Tensor) -> Tensor:
    """Move an axis of (B, T, H, W, ...) after the other two."""
    return x.movedim(AXES[axis], 3)


def _move_axis_back(axis: str, x: Tensor) -> Tensor:
    """Move an axis back to where `_move_axis_last` took it from."""
    return x.movedim(3, AXES[axis])


def channel_attention(x: Tensor) -> Tensor:
    """Let each channel attend to the channels that are least like it.

    Source: Fu et al., CVPR 2019, section 3.3, as in the published code: softmax(max(E) - E), where
    E are the products of channels; it equals softmax(-E). The products are sums over all pixels and
    are computed in float32 or higher.

    Args:
        x: (B, C, H, W).

    Returns:
        (B, C, H, W).
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    with keep_precision(x):
        flat = x.flatten(2).to(dtype)
        weights = torch.softmax(-(flat @ flat.mT), dim=2)  # (B, C, C)
        return (weights @ flat).to(x.dtype).view_as(x)


def position_code(height: int, width: int, amplitude: float, like: Tensor) -> Tensor:
    """Return sines and cosines of both coordinates at three frequencies.

    The product of two codes is largest where their positions are equal, so that a query whose
    content is unreadable still finds its own position in the memory.

    Args:
        height: height H of the map.
        width: width W of the map.
        amplitude: factor on every channel; a logit gains up to 6 times its square.
        like: a tensor that has the device and dtype to use.

    Returns:
        (12, H, W).
    """
    rows = torch.linspace(-1, 1, height, device=like.device)[:, None].expand(height, width)
    columns = torch.linspace(-1, 1, width, device=like.device)[None, :].expand(height, width)
    waves = [
        wave(coordinate * frequency)
        for coordinate in (rows, columns)
        for frequency in _FREQUENCIES
        for wave in (torch.sin, torch.cos)
    ]
    return (amplitude * torch.stack(waves)).to(like.dtype)
