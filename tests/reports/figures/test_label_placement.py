"""Positions of labels that cover nothing."""

import numpy as np

from reports.figures.label_placement import Obstacles, overlap, place_labels


def obstacles(anchors: np.ndarray) -> Obstacles:
    """Return the markers of points, 10 pixels wide."""
    return Obstacles(np.concatenate([anchors - 5, anchors + 5], axis=1), np.ones(len(anchors)))


def test_labels_of_crowded_points_overlap_neither_each_other_nor_points() -> None:
    anchors = np.array([[200 + 12 * n, 150 + 9 * (n % 3)] for n in range(10)], dtype=float)
    sizes = np.tile([60.0, 11.0], (10, 1))

    placements = place_labels(anchors, sizes, obstacles(anchors), (0, 0, 600, 400))

    boxes = np.array([placement.box for placement in placements])
    shared = overlap(boxes, boxes) - np.diag(np.diag(overlap(boxes, boxes)))
    assert shared.sum() == 0
    assert overlap(boxes, obstacles(anchors).boxes).sum() == 0


def test_label_stays_inside_the_axes_and_next_to_its_point() -> None:
    anchors = np.array([[395.0, 295.0]])

    (placement,) = place_labels(
        anchors, np.array([[80.0, 11.0]]), obstacles(anchors), (0, 0, 400, 300)
    )

    assert placement.box[2] <= 400
    assert placement.box[3] <= 300
    assert placement.leader is None


def test_same_input_gives_the_same_positions() -> None:
    anchors = np.random.default_rng(0).uniform(50, 350, (15, 2))
    sizes = np.tile([70.0, 11.0], (15, 1))

    first, second = (
        place_labels(anchors, sizes, obstacles(anchors), (0, 0, 400, 400)) for _ in range(2)
    )

    assert first == second
