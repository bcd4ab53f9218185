"""The loss, against sums computed by hand."""

import math

import numpy as np
import pytest
import torch

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.dataset import IGNORE_LABEL, Frame
from vss.training import losses


def uniform_logits(classes: int, height: int, width: int) -> torch.Tensor:
    return torch.zeros(1, classes, height, width)


def test_uniform_logits_cost_the_logarithm_of_the_classes() -> None:
    labels = torch.zeros(1, 2, 2, dtype=torch.int64)

    loss = losses.cross_entropy(uniform_logits(4, 2, 2), labels, None)

    assert loss.item() == pytest.approx(math.log(4))


def test_unlabelled_pixels_are_left_out_of_the_mean() -> None:
    logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 5.0]]]])
    labels = torch.tensor([[[0, IGNORE_LABEL]]])

    loss = losses.cross_entropy(logits, labels, None)

    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2.0)))


def test_batch_without_a_label_costs_nothing() -> None:
    labels = torch.full((1, 2, 2), IGNORE_LABEL)

    for weights in (None, torch.ones(4)):
        assert losses.cross_entropy(uniform_logits(4, 2, 2), labels, weights).item() == 0.0


def test_class_weights_apply_to_the_sum_and_to_its_divisor() -> None:
    logits = torch.tensor([[[[1.0, 0.0]], [[0.0, 3.0]]]])
    labels = torch.tensor([[[0, 1]]])
    weights = torch.tensor([1.0, 3.0])

    loss = losses.cross_entropy(logits, labels, weights)

    first, second = math.log(1 + math.exp(-1.0)), math.log(1 + math.exp(-3.0))
    assert loss.item() == pytest.approx((first + 3 * second) / 4)


def test_outputs_are_scaled_to_the_labels_and_weighted() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.int64)
    outputs = (uniform_logits(2, 1, 1), uniform_logits(2, 2, 2))

    loss = losses.segmentation_loss(outputs, (1.0, 0.4), labels, None)

    assert loss.item() == pytest.approx(1.4 * math.log(2))


def test_median_frequency_counts_only_images_with_the_class() -> None:
    # Class 0 has 3 of 4 and 4 of 4 pixels = 7/8, class 1 has 1 of 4 = 1/4, class 2 never occurs.
    frames = tuple(Frame("train", "s", n, "i", "l") for n in range(2))
    labels = np.array([[[0, 0], [0, 1]], [[0, 0], [0, 0]]], dtype=np.uint8)
    video = DecodedVideo(frames, np.zeros((2, 2, 2, 3), np.uint8), labels, np.arange(2))
    clips = [Clip(0, ()), Clip(1, ())]

    weights = losses.median_frequency_weights(video, clips, num_classes=3)

    median = (7 / 8 + 1 / 4) / 2
    assert weights.tolist() == pytest.approx([median / (7 / 8), median / (1 / 4), 0.0])


def easy_and_hard_pixels() -> tuple[torch.Tensor, torch.Tensor]:
    """Return pixels with true-class probabilities 0.98, 0.88 and 0.05, and an unlabelled one."""
    margins = torch.tensor([4.0, 2.0, -3.0, -9.0])
    logits = torch.stack([margins, torch.zeros(4)])[None, :, None, :]
    return logits, torch.tensor([[[0, 0, 0, IGNORE_LABEL]]])


def test_only_hard_pixels_count() -> None:
    logits, labels = easy_and_hard_pixels()

    loss = losses.cross_entropy(logits, labels, None, losses.HardPixels(0.7, 0.01))

    assert loss.item() == pytest.approx(math.log(1 + math.exp(3.0)))


def test_hardest_pixels_count_if_too_few_are_hard() -> None:
    logits, labels = easy_and_hard_pixels()

    loss = losses.cross_entropy(logits, labels, None, losses.HardPixels(0.7, 0.67))

    expected = (math.log(1 + math.exp(3.0)) + math.log(1 + math.exp(-2.0))) / 2
    assert loss.item() == pytest.approx(expected)


def test_hard_pixels_of_a_batch_without_a_label_cost_nothing() -> None:
    labels = torch.full((1, 2, 2), IGNORE_LABEL)

    loss = losses.cross_entropy(uniform_logits(4, 2, 2), labels, None, losses.HardPixels(0.7, 0.5))

    assert loss.item() == 0.0
