"""Temporal consistency, on videos of a few pixels, counted by hand."""

from collections.abc import Sequence

import pytest
import torch

from vss.data.dataset import Frame
from vss.scoring.temporal import Consistency


def frame(number: int, sequence: str = "a") -> Frame:
    return Frame("val", sequence, number, "", "label")


def video_metrics(
    predictions: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    numbers: Sequence[int] | None = None,
) -> dict[str, float]:
    """Compute the metrics of a video whose frames are one row of pixels each."""
    consistency = Consistency(num_classes=3)
    for number, prediction, label in zip(
        numbers or range(len(labels)), predictions, labels, strict=True
    ):
        consistency.add(
            frame(number),
            torch.tensor([prediction], dtype=torch.uint8),
            torch.tensor([label], dtype=torch.uint8),
        )
    return consistency.metrics()


def test_constant_prediction_of_a_constant_label_is_consistent() -> None:
    metrics = video_metrics([[0, 1]] * 8, [[0, 1]] * 8)

    assert metrics == {"flicker": 0.0, "vc8": 1.0, "vc8_correct": 1.0}


def test_prediction_must_be_constant_but_need_not_be_correct() -> None:
    metrics = video_metrics([[0, 0]] * 8, [[0, 1]] * 8)

    assert (metrics["vc8"], metrics["vc8_correct"]) == (1.0, 0.5)


def test_one_change_disqualifies_a_pixel_for_the_window() -> None:
    predictions = [[0, 1]] * 7 + [[2, 1]]

    metrics = video_metrics(predictions, [[0, 1]] * 8)

    assert metrics["vc8"] == 0.5
    assert metrics["flicker"] == pytest.approx((1 / 2) / 7)


def test_all_windows_count() -> None:
    """Ten frames have three windows of 8, one of which contains the last frame."""
    predictions = [[0, 1]] * 9 + [[2, 1]]

    assert video_metrics(predictions, [[0, 1]] * 10)["vc8"] == pytest.approx((1 + 1 + 0.5) / 3)


def test_pixels_whose_label_changes_or_is_missing_are_ignored() -> None:
    labels = [[0, 1, 255]] * 7 + [[0, 2, 255]]
    predictions = [[0, 1, 0]] * 4 + [[0, 2, 1]] * 4

    assert video_metrics(predictions, labels)["vc8"] == 1.0


def test_label_that_changes_back_is_not_constant() -> None:
    labels = [[0]] * 4 + [[1]] + [[0]] * 4

    assert "vc8" not in video_metrics([[0]] * 9, labels)


@pytest.mark.parametrize("numbers", [range(0, 240, 30), [0, 1, 2, 3, 5, 6, 7, 8]])
def test_frames_far_apart_or_with_a_gap_form_no_window(numbers: Sequence[int]) -> None:
    assert "vc8" not in video_metrics([[0]] * 8, [[0]] * 8, numbers)


def test_frames_far_apart_do_not_flicker() -> None:
    assert video_metrics([[0], [1]], [[0], [0]], [0, 30]) == {}


def test_every_second_frame_is_dense_enough() -> None:
    assert video_metrics([[0]] * 8, [[0]] * 8, range(0, 16, 2))["vc8"] == 1.0


def test_new_sequence_starts_over() -> None:
    consistency = Consistency(num_classes=2)
    for sequence in "ab":
        for number in range(4):
            pixels = torch.zeros((1, 1), dtype=torch.uint8)
            consistency.add(frame(number, sequence), pixels, pixels)

    assert consistency.metrics() == {"flicker": 0.0}
