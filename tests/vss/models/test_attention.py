"""The attention reads."""

import torch

from vss.models.attention import POSITION_CHANNELS, full_read, position_code


def test_constant_memory_is_read_back_unchanged() -> None:
    """Attention weights sum to one, so equal values come back whatever the query."""
    query, key = torch.randn(1, 2, 5), torch.randn(1, 2, 7)
    value = torch.full((1, 3, 7), 0.7)

    context = full_read(query, key, value, scale=1.0)

    torch.testing.assert_close(context, torch.full((1, 3, 5), 0.7))


def test_read_is_a_softmax_over_all_entries() -> None:
    query, key, value = torch.randn(2, 3, 4), torch.randn(2, 3, 5), torch.randn(2, 6, 5)

    context = full_read(query, key, value, scale=0.5)

    for batch in range(2):
        for n in range(4):
            scores = torch.stack([query[batch, :, n] @ key[batch, :, m] for m in range(5)]) * 0.5
            weights = torch.softmax(scores, dim=0)
            expected = sum(w * value[batch, :, m] for m, w in enumerate(weights))
            torch.testing.assert_close(context[batch, :, n], expected)


def test_scale_sharpens() -> None:
    query, key = torch.ones(1, 1, 1), torch.tensor([[[1.0, 0.0]]])
    value = torch.tensor([[[1.0, 0.0]]])

    assert full_read(query, key, value, 10.0) > full_read(query, key, value, 1.0)


def test_logits_stay_exact_under_bf16_autocast() -> None:
    """At a logit of 300, bfloat16 steps by 2: the two entries would tie."""
    query, key = torch.ones(1, 1, 1), torch.tensor([[[300.0, 300.5]]])
    value = torch.tensor([[[0.0, 1.0]]])

    with torch.autocast("cpu", torch.bfloat16):
        context = full_read(query, key, value, scale=1.0)

    torch.testing.assert_close(context, torch.sigmoid(torch.tensor([[[0.5]]])), atol=1e-3, rtol=0)


def test_position_code_is_most_like_itself() -> None:
    code = position_code(5, 7, 1.0, torch.zeros(())).flatten(1)

    likeness = code.T @ code

    assert code.shape == (POSITION_CHANNELS, 35)
    assert likeness.argmax(dim=1).tolist() == list(range(35))
    torch.testing.assert_close(likeness.diagonal(), torch.full((35,), 6.0))
