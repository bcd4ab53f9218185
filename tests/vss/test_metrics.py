"""Scores, against matrices counted by hand."""

import math

import numpy as np
import pytest
import torch

from vss import metrics

# Two classes: 3 pixels of class 0 (2 right), 5 of class 1 (4 right).
HAND = np.array([[2, 1], [1, 4]])


def test_confusion_counts_label_rows_and_prediction_columns() -> None:
    labels = torch.tensor([[[0, 0, 1, 255]]], dtype=torch.uint8)
    predictions = torch.tensor([[[0, 1, 1, 0]]])

    found = metrics.frame_confusions(predictions, labels, num_classes=2)

    assert found.tolist() == [[[1, 1], [0, 1]]]


def test_each_frame_has_a_confusion_of_its_own() -> None:
    labels = torch.tensor([[[0]], [[1]]], dtype=torch.uint8)
    predictions = torch.tensor([[[0]], [[0]]])

    found = metrics.frame_confusions(predictions, labels, num_classes=2)

    assert found.tolist() == [[[1, 0], [0, 0]], [[0, 0], [1, 0]]]


def test_iou_is_intersection_over_union() -> None:
    assert metrics.iou_per_class(HAND) == pytest.approx([2 / 4, 4 / 6])


def test_miou_is_the_mean_over_classes() -> None:
    assert metrics.miou(HAND) == pytest.approx((2 / 4 + 4 / 6) / 2)


def test_class_that_occurs_nowhere_is_left_out_of_the_mean() -> None:
    padded = np.zeros((3, 3), dtype=np.int64)
    padded[:2, :2] = HAND

    assert math.isnan(metrics.iou_per_class(padded)[2])
    assert metrics.miou(padded) == pytest.approx(metrics.miou(HAND))


def test_class_that_is_only_predicted_counts_as_zero() -> None:
    confusion = np.array([[2, 1], [0, 0]])

    assert metrics.miou(confusion) == pytest.approx((2 / 3 + 0) / 2)


def test_accuracies_are_over_pixels_and_over_classes() -> None:
    assert metrics.pixel_accuracy(HAND) == pytest.approx(6 / 8)
    assert metrics.class_accuracy(HAND) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_nothing_labelled_is_not_a_number() -> None:
    assert math.isnan(metrics.miou(np.zeros((2, 2), dtype=np.int64)))


def test_scores_hold_every_metric() -> None:
    assert set(metrics.scores(HAND)) == set(metrics.METRICS)
