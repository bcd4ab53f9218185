"""Metrics, against matrices counted by hand."""

import math

import numpy as np
import pytest
import torch

from vss.scoring import metrics

# Two classes: 3 pixels of class 0 (2 correct), 5 of class 1 (4 correct).
CONFUSION = np.array([[2, 1], [1, 4]])


def test_confusion_counts_label_rows_and_prediction_columns() -> None:
    labels = torch.tensor([[[0, 0, 1, 255]]], dtype=torch.uint8)
    predictions = torch.tensor([[[0, 1, 1, 0]]])

    confusions = metrics.frame_confusions(predictions, labels, num_classes=2)

    assert confusions.tolist() == [[[1, 1], [0, 1]]]


def test_each_frame_has_its_own_confusion_matrix() -> None:
    labels = torch.tensor([[[0]], [[1]]], dtype=torch.uint8)
    predictions = torch.tensor([[[0]], [[0]]])

    confusions = metrics.frame_confusions(predictions, labels, num_classes=2)

    assert confusions.tolist() == [[[1, 0], [0, 0]], [[0, 0], [1, 0]]]


@pytest.mark.parametrize("value", [2, -1])
def test_prediction_outside_the_classes_is_refused_with_its_value(value: int) -> None:
    labels = torch.tensor([[[0, 1, 1]]], dtype=torch.uint8)

    with pytest.raises(ValueError, match=f"class {value} is not one of the classes 0 to 1"):
        metrics.frame_confusions(torch.tensor([[[0, value, 1]]]), labels, num_classes=2)


def test_prediction_outside_the_classes_on_an_unlabelled_pixel_does_not_count() -> None:
    labels = torch.tensor([[[0, 255]]], dtype=torch.uint8)

    confusions = metrics.frame_confusions(torch.tensor([[[0, 7]]]), labels, num_classes=2)

    assert confusions.tolist() == [[[1, 0], [0, 0]]]


def test_iou_is_intersection_over_union() -> None:
    assert metrics.iou_per_class(CONFUSION) == pytest.approx([2 / 4, 4 / 6])


def test_miou_is_the_mean_over_classes() -> None:
    assert metrics.miou(CONFUSION) == pytest.approx((2 / 4 + 4 / 6) / 2)


def test_class_that_never_occurs_is_left_out_of_the_mean() -> None:
    padded = np.zeros((3, 3), dtype=np.int64)
    padded[:2, :2] = CONFUSION

    assert math.isnan(metrics.iou_per_class(padded)[2])
    assert metrics.miou(padded) == pytest.approx(metrics.miou(CONFUSION))


def test_class_that_is_only_predicted_counts_as_zero() -> None:
    confusion = np.array([[2, 1], [0, 0]])

    assert metrics.miou(confusion) == pytest.approx((2 / 3 + 0) / 2)


def test_accuracies_are_over_pixels_and_over_classes() -> None:
    assert metrics.pixel_accuracy(CONFUSION) == pytest.approx(6 / 8)
    assert metrics.class_accuracy(CONFUSION) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_metric_without_any_pixels_is_not_a_number() -> None:
    assert math.isnan(metrics.miou(np.zeros((2, 2), dtype=np.int64)))


def test_every_metric_is_computed() -> None:
    assert set(metrics.compute_metrics(CONFUSION)) == set(metrics.METRICS)


def test_rule_of_labelled_classes_ignores_classes_that_are_only_predicted() -> None:
    confusion = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    confusion[0, 2] = 1

    assert metrics.miou(confusion) == pytest.approx((3 / 5 + 4 / 5 + 0) / 3)
    assert metrics.miou_labelled(confusion) == pytest.approx((3 / 5 + 4 / 5) / 2)


def test_miou_without_void_ignores_void_pixels_and_counts_predictions_of_void_as_wrong() -> None:
    """There are 5 void pixels (2 predicted as class 1), 10 of class 1 (1 as void), 4 of class 2."""
    confusion = np.array([[3, 2, 0], [1, 8, 1], [0, 0, 4]])

    values = metrics.compute_metrics(confusion, void_index=0)

    assert values["miou"] == pytest.approx((3 / 6 + 8 / 12 + 4 / 5) / 3)
    assert values["miou_without_void"] == pytest.approx((8 / 10 + 4 / 5) / 2)
    assert "miou_without_void" not in metrics.compute_metrics(confusion)


def test_undefined_metrics_are_omitted() -> None:
    assert metrics.compute_metrics(np.zeros((2, 2), dtype=np.int64)) == {}


def half_planes(edge: int, size: int = 16) -> torch.Tensor:
    """Return a label of class 0 to the left of a column, and of class 1 from that column on."""
    return (torch.arange(size) >= edge).long().expand(1, size, size)


def test_boundary_is_a_band_on_both_sides_of_the_edge() -> None:
    label = half_planes(8)

    counts = metrics.boundary_counts(label, label, num_classes=2)

    assert counts.tolist() == [[[3 * 16, 3 * 16], [3 * 16, 3 * 16]]]
    assert metrics.boundary_miou(counts.sum(axis=0)) == 1.0


def test_shifted_edge_shares_part_of_the_band() -> None:
    """Bands of 3 columns, shifted by one, share 2."""
    counts = metrics.boundary_counts(half_planes(9), half_planes(8), num_classes=2)

    # Class 0: label 5, 6, 7; prediction 6, 7, 8. Class 1: label 8, 9, 10; prediction 9, 10, 11.
    assert counts.tolist() == [[[2 * 16, 4 * 16], [2 * 16, 4 * 16]]]


def test_unlabelled_pixels_form_no_boundary_and_belong_to_no_band() -> None:
    label = half_planes(8).clone()
    label[:, :, 8:] = 255

    counts = metrics.boundary_counts(half_planes(8), label, num_classes=2)

    # The label has no boundary; the labelled pixels of the prediction's band count.
    assert counts.tolist() == [[[0, 3 * 16], [0, 0]]]


def test_boundary_counts_agree_with_a_search_of_every_window() -> None:
    torch.manual_seed(0)
    label = torch.randint(0, 4, (1, 9, 11))
    label[label == 3] = 255
    prediction = torch.randint(0, 3, (1, 9, 11))

    def band(classes: torch.Tensor, valid: torch.Tensor) -> set[tuple[int, int]]:
        reach = metrics.BOUNDARY_PIXELS
        pixels = set()
        for row in range(9):
            for column in range(11):
                rows = range(max(0, row - reach), min(9, row + reach + 1))
                columns = range(max(0, column - reach), min(11, column + reach + 1))
                near = {int(classes[r, c]) for r in rows for c in columns if valid[r, c]}
                if near - {int(classes[row, column])}:
                    pixels.add((row, column))
        return pixels

    scored = label[0] < 3
    label_band = band(label[0], scored)
    prediction_band = band(prediction[0], torch.ones_like(scored))
    expected = []
    for k in range(3):
        a = {p for p in label_band if scored[p] and label[0][p] == k}
        b = {p for p in prediction_band if scored[p] and prediction[0][p] == k}
        expected.append([len(a & b), len(a | b)])

    assert metrics.boundary_counts(prediction, label, num_classes=3).tolist() == [expected]
