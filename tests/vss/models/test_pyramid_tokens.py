"""Pyramid tokens of frames and clips."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.device import DEVICE
from vss.models.attention import full_attention
from vss.models.pyramid_tokens import PYRAMID_BINS, Pooling, pool_over_time, pyramid_pool


@pytest.fixture(autouse=True)
def _on_device() -> Iterator[None]:
    """Create tensors on DEVICE unless a test names a different device."""
    with DEVICE:
        yield


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 9])
def test_attention_to_cube_tokens_equals_three_dimensional_pooling(frames: int) -> None:
    """Repeated windows appear once, with the logarithm of their number added to the logit."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    key, value = (
        torch.randn(2, frames, c, 9, 11, dtype=torch.float64, generator=generator) for c in (3, 4)
    )
    query = torch.randn(2, 3, 20, dtype=torch.float64, generator=generator)

    def tokens(x: Tensor) -> Tensor:
        return pyramid_pool(x.flatten(0, 1)).unflatten(0, (2, frames))

    def cube(x: Tensor) -> Tensor:
        levels = [F.adaptive_avg_pool3d(x.transpose(1, 2), b).flatten(2) for b in PYRAMID_BINS]
        return torch.cat(levels, dim=2)

    keys, counts = pool_over_time(tokens(key), "cube")
    values, _ = pool_over_time(tokens(value), "cube")
    context = full_attention(query, keys, values, 1.0, counts)

    assert cube(key).shape[2] == 756
    assert keys.shape[2] <= 756
    torch.testing.assert_close(context, full_attention(query, cube(key), cube(value), 1.0))


def test_flat_tokens_of_one_frame_are_those_of_the_image() -> None:
    image = torch.randn(2, 3, 9, 11)

    tokens, counts = pool_over_time(pyramid_pool(image)[:, None], "flat")

    assert counts is None
    torch.testing.assert_close(tokens, pyramid_pool(image))


@pytest.mark.parametrize(
    ("pooling", "counts"),
    [
        ("clip", [110, 219, 328, 428, 528]),
        ("frame", [110, 220, 330, 440, 550]),
        ("flat", [110] * 5),
        ("cube", [110, 228, 456, 500, 756]),  # 756 minus repeated windows
    ],
)
def test_number_of_tokens_is_the_documented_one(pooling: Pooling, counts: list[int]) -> None:
    numbers = [
        pool_over_time(torch.zeros(1, frames, 2, 110), pooling)[0].shape[2]
        for frames in range(1, 6)
    ]

    assert numbers == counts
