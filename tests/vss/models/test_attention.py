"""Attention, against loops over individual positions."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.device import DEVICE
from vss.models import attention
from vss.models.attention import (
    POSITION_CHANNELS,
    channel_attention,
    criss_cross_attention,
    full_attention,
    position_code,
    prefers_fused_attention,
)


@pytest.fixture(autouse=True)
def _on_device() -> Iterator[None]:
    """Create tensors on DEVICE unless a test names a different device."""
    with DEVICE:
        yield


def test_constant_memory_comes_back_unchanged() -> None:
    """Attention weights sum to one, so equal values come back whatever the query is."""
    query, key = torch.randn(1, 2, 5), torch.randn(1, 2, 7)
    value = torch.full((1, 3, 7), 0.7)

    context = full_attention(query, key, value, scale=1.0)

    torch.testing.assert_close(context, torch.full((1, 3, 5), 0.7))


def test_full_attention_is_a_softmax_over_all_entries() -> None:
    query, key, value = torch.randn(2, 3, 4), torch.randn(2, 3, 5), torch.randn(2, 6, 5)

    context = full_attention(query, key, value, scale=0.5)

    for batch in range(2):
        for n in range(4):
            scores = torch.stack([query[batch, :, n] @ key[batch, :, m] for m in range(5)]) * 0.5
            weights = torch.softmax(scores, dim=0)
            expected = sum(w * value[batch, :, m] for m, w in enumerate(weights))
            torch.testing.assert_close(context[batch, :, n], expected)


def test_larger_scale_sharpens_the_attention() -> None:
    query, key = torch.ones(1, 1, 1), torch.tensor([[[1.0, 0.0]]])
    value = torch.tensor([[[1.0, 0.0]]])

    assert full_attention(query, key, value, 10.0) > full_attention(query, key, value, 1.0)


def test_logits_stay_precise_under_bf16_autocast() -> None:
    """At a logit of 300, bfloat16 steps by 2, so the two entries would tie."""
    query, key = torch.ones(1, 1, 1), torch.tensor([[[300.0, 300.5]]])
    value = torch.tensor([[[0.0, 1.0]]])

    with torch.autocast(DEVICE.type, torch.bfloat16):
        context = full_attention(query, key, value, scale=1.0)

    torch.testing.assert_close(context, torch.sigmoid(torch.tensor([[[0.5]]])), atol=1e-3, rtol=0)


def test_position_code_is_most_similar_to_itself() -> None:
    code = position_code(5, 7, 1.0, torch.zeros(())).flatten(1)

    similarity = code.T @ code

    assert code.shape == (POSITION_CHANNELS, 35)
    assert similarity.argmax(dim=1).tolist() == list(range(35))
    torch.testing.assert_close(similarity.diagonal(), torch.full((35,), 6.0))


def brute_force_criss_cross(
    query: Tensor, key: Tensor, value: Tensor, axes: tuple[str, ...]
) -> Tensor:
    """Compute criss-cross attention by looping over all positions and their candidates."""
    positions = list(itertools.product(*(range(n) for n in value.shape[1:4])))
    dimension = {"time": 0, "column": 1, "row": 2}
    context = torch.zeros_like(value)
    for clip in range(len(value)):
        for position in positions:
            candidates = [
                other
                for other in positions
                if other == position
                or any(
                    all(other[d] == position[d] for d in range(3) if d != dimension[axis])
                    for axis in axes
                )
            ]
            logits = torch.stack([query[clip][position] @ key[clip][c] for c in candidates])
            for weight, candidate in zip(logits.softmax(0), candidates, strict=True):
                context[clip][position] += weight * value[clip][candidate]
    return context


def random_clips(channels: int, seed: int) -> Tensor:
    generator = torch.Generator(DEVICE).manual_seed(seed)
    return torch.randn(2, 3, 4, 5, channels, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize(
    "axes", [("row",), ("column", "row"), ("time", "row"), ("time",), ("time", "column", "row")]
)
def test_criss_cross_agrees_with_brute_force(axes: tuple[str, ...]) -> None:
    query, key, value = random_clips(2, 1), random_clips(2, 2), random_clips(3, 3)

    context = criss_cross_attention(query, key, value, axes)

    expected = brute_force_criss_cross(query, key, value, axes)
    torch.testing.assert_close(context, expected, rtol=1e-12, atol=1e-12)
    last = criss_cross_attention(query[:, -1:], key, value, axes)
    torch.testing.assert_close(last, expected[:, -1:], rtol=1e-12, atol=1e-12)


def test_criss_cross_handles_large_logits() -> None:
    """Logits in the hundreds, which unscaled products can reach, neither overflow nor vanish."""
    query, key, value = 30 * random_clips(2, 1), 30 * random_clips(2, 2), random_clips(3, 3)

    context = criss_cross_attention(query, key, value, ("time", "column", "row"))

    expected = brute_force_criss_cross(query, key, value, ("time", "column", "row"))
    torch.testing.assert_close(context, expected, rtol=1e-9, atol=1e-9)


def test_gradient_of_criss_cross_is_exact() -> None:
    tensors = tuple(
        random_clips(2, seed)[:1, :2, :2, :3].clone().requires_grad_() for seed in (1, 2, 3)
    )

    assert torch.autograd.gradcheck(
        lambda q, k, v: criss_cross_attention(q, k, v, ("time", "column", "row")), tensors
    )


def test_channels_attend_to_those_that_are_least_like_them() -> None:
    """Two channels are equal and the third is their opposite: both attend to the third."""
    x = torch.stack([torch.ones(2, 2), torch.ones(2, 2), -torch.ones(2, 2)])[None] * 3

    context = channel_attention(x)

    torch.testing.assert_close(context[0, 0], -3 * torch.ones(2, 2))
    torch.testing.assert_close(context[0, 2], 3 * torch.ones(2, 2))


@pytest.mark.parametrize("with_bias", [False, True])
def test_fused_attention_gives_the_same_result(
    with_bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, key, value = torch.randn(2, 5, 7), torch.randn(2, 5, 11), torch.randn(2, 3, 11)
    bias = torch.rand(11) if with_bias else None
    monkeypatch.setattr(attention, "prefers_fused_attention", lambda query, key: False)
    plain = full_attention(query, key, value, 0.5, bias)

    monkeypatch.setattr(attention, "prefers_fused_attention", lambda query, key: True)

    tolerance = {} if DEVICE.type == "cpu" else {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(full_attention(query, key, value, 0.5, bias), plain, **tolerance)


def test_fused_attention_is_not_used_on_a_cpu() -> None:
    large = torch.zeros(1, 2, 8192, device="cpu")

    assert not prefers_fused_attention(large, large)


@pytest.mark.parametrize("with_bias", [False, True])
def test_attention_in_parts_gives_the_same_result(
    with_bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device("cpu"):
        query, key, value = torch.randn(2, 5, 70), torch.randn(2, 5, 11), torch.randn(2, 3, 11)
        bias = torch.rand(11) if with_bias else None
    whole = full_attention(query, key, value, 0.5, bias)

    monkeypatch.setattr(attention, "_CACHED_BYTES", 1)

    assert attention._queries_per_part(query, key, value) == 16
    torch.testing.assert_close(full_attention(query, key, value, 0.5, bias), whole)


def test_training_processes_all_queries_at_once() -> None:
    query = torch.zeros(1, 2, 8192, device="cpu", requires_grad=True)

    detached = query.detach()

    assert attention._queries_per_part(detached, detached, query) == 8192
    assert attention._queries_per_part(detached, detached, detached) == 256
