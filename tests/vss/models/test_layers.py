"""Building blocks of heads."""

import pytest
import torch
from torch import nn

from vss.models.layers import Classifier, ConvNorm, ConvNormReLU, PyramidPooling, resize


def test_convolution_keeps_the_size_and_removes_negative_values() -> None:
    features = ConvNormReLU(3, 4, 3)(torch.randn(2, 3, 5, 7))

    assert features.shape == (2, 4, 5, 7)
    assert (features >= 0).all()


@pytest.mark.parametrize("block", [ConvNorm, ConvNormReLU])
def test_convolutions_start_as_in_the_toolboxes(block: type[nn.Sequential]) -> None:
    """Kaiming's normal initialisation uses the outgoing connections, with or without a ReLU."""
    torch.manual_seed(0)

    conv, norm, *_ = block(64, 32, 3)

    assert conv.weight.std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.02)
    assert norm.weight.eq(1).all()


def test_classifier_drops_whole_channels() -> None:
    torch.manual_seed(0)
    classifier = Classifier(64, 1, dropout=0.5).train()
    torch.nn.init.ones_(classifier[1].weight)  # type: ignore[arg-type]

    logits = classifier(torch.ones(1, 64, 4, 4))

    assert (logits == logits[..., :1, :1]).all()
    assert not torch.allclose(logits, torch.full_like(logits, 64.0))


def test_pyramid_keeps_its_input_and_adds_a_level_per_bin() -> None:
    pyramid = PyramidPooling(3, 2).eval()
    x = torch.randn(1, 3, 7, 9)

    features = pyramid(x)

    assert features.shape == (1, 3 + 4 * 2, 7, 9)
    assert torch.equal(features[:, :3], x)
    one_bin = features[:, 3:5]  # the same everywhere
    torch.testing.assert_close(one_bin, one_bin[..., :1, :1].expand_as(one_bin))


def test_resize_treats_pixels_as_areas() -> None:
    x = torch.tensor([[[[0.0, 1.0]]]])

    assert resize(x, (1, 4)).tolist() == [[[[0.0, 0.25, 0.75, 1.0]]]]
