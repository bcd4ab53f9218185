"""Positions for the labels of points: close to the point, covering nothing, inside the axes.

Each label has candidate positions in rings around its point. Every label in turn takes its cheapest
candidate, given the others; a few sweeps over all labels correct bad first choices. This is greedy
but deterministic.

Shapes: N labels, C candidates of one label, M obstacles; a box is left, bottom, right, top.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]  # (..., 4)
Numbers = NDArray[np.float64]

_ANGLES = (30, -30, 0, 150, 210, 180, 90, 270, 60, 120, 240, 300)
_DIRECTIONS = [math.radians(angle) for angle in _ANGLES]
_RINGS_PX = (11, 20, 30, 40, 52, 64, 78, 92, 108, 124, 142, 160, 180, 200, 240)
_SWEEPS = 4
# Costs of faults, in pixels of distance from the point that a label accepts to avoid them.
_PER_PX_OUTSIDE, _PER_PX2_OF_LABEL, _PER_PX2_COVERED = 1000.0, 4.0, 2.0
_PER_CROSSING, _PER_OBSTACLE_CROSSED = 150.0, 10.0
_PREFERENCE = 0.4  # extra cost of each direction compared with the one before it


class Obstacles(NamedTuple):
    """The boxes that labels should not cover.

    Attributes:
        boxes: the (M, 4) boxes.
        weights: the (M,) costs of covering them; 1 for those that must stay visible.
    """

    boxes: Boxes
    weights: Numbers


class Placement(NamedTuple):
    """The position of a label.

    Attributes:
        box: left, bottom, right, top.
        leader: the end of a line from the point; None if the label is right next to it.
    """

    box: tuple[float, float, float, float]
    leader: tuple[float, float] | None


def place_labels(
    anchors: Numbers, sizes: Numbers, obstacles: Obstacles, bounds: tuple[float, ...]
) -> list[Placement]:
    """Place all labels.

    Args:
        anchors: the (N, 2) points.
        sizes: the (N, 2) widths and heights of the labels.
        obstacles: markers and lines, including those of the labels' own points.
        bounds: left, bottom, right, top of the area for labels.
    """
    candidates = [_candidates(anchor, size) for anchor, size in zip(anchors, sizes, strict=True)]
    own_costs = [
        _own_cost(anchor, boxes, obstacles, bounds)
        for anchor, boxes in zip(anchors, candidates, strict=True)
    ]
    choices: list[int | None] = [None] * len(anchors)
    for _ in range(_SWEEPS):
        previous_choices = list(choices)
        for label in range(len(anchors)):
            others = [n for n in range(len(anchors)) if n != label and choices[n] is not None]
            boxes = np.array([candidates[n][choices[n]] for n in others]).reshape(-1, 4)
            shared_cost = _shared_cost(anchors, label, candidates[label], others, boxes)
            choices[label] = int(np.argmin(own_costs[label] + shared_cost))
        if choices == previous_choices:
            break
    return [
        _placement(anchor, boxes[choice])
        for anchor, boxes, choice in zip(anchors, candidates, choices, strict=True)
    ]


def overlap(boxes: Boxes, others: Boxes) -> Numbers:
    """Return the square pixels that boxes share: (C, 4), (M, 4) -> (C, M)."""
    one, two = boxes[:, None], others[None]
    width = np.minimum(one[..., 2], two[..., 2]) - np.maximum(one[..., 0], two[..., 0])
    height = np.minimum(one[..., 3], two[..., 3]) - np.maximum(one[..., 1], two[..., 1])
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0))


def _candidates(anchor: Numbers, size: Numbers) -> Boxes:
    """Return boxes around a point, the nearest ring first: (2,), (2,) -> (C, 4)."""
    direction = np.array([(math.cos(angle), math.sin(angle)) for angle in _DIRECTIONS])
    side = np.where(np.abs(direction) < 0.1, 0, np.sign(direction))
    centres = np.concatenate([anchor + ring * direction + side * size / 2 for ring in _RINGS_PX])
    return np.concatenate([centres - size / 2, centres + size / 2], axis=1)


def _own_cost(
    anchor: Numbers, boxes: Boxes, obstacles: Obstacles, bounds: tuple[float, ...]
) -> Numbers:
    """Return the costs that do not depend on the other labels: (2,), (C, 4) -> (C,)."""
    rings = np.repeat(_RINGS_PX, len(_DIRECTIONS))
    preference = _PREFERENCE * np.tile(np.arange(len(_DIRECTIONS)), len(_RINGS_PX))
    left, bottom, right, top = bounds
    low, high = np.array([left, bottom]), np.array([right, top])
    outside = np.maximum(low - boxes[:, :2], 0) + np.maximum(boxes[:, 2:] - high, 0)
    covered = _PER_PX2_COVERED * overlap(boxes, obstacles.boxes) @ obstacles.weights
    outside_cost = _PER_PX_OUTSIDE * outside.sum(axis=1)
    crossed = _PER_OBSTACLE_CROSSED * _crossed_weights(anchor, boxes, obstacles)
    return np.asarray(rings + preference + outside_cost + covered + crossed)


def _crossed_weights(anchor: Numbers, boxes: Boxes, obstacles: Obstacles) -> Numbers:
    """Add up the weights of the obstacles that each leader would cross: (2,), (C, 4) -> (C,)."""
    low, high = obstacles.boxes[:, :2], obstacles.boxes[:, 2:]
    others = ((anchor < low) | (anchor > high)).any(axis=1)  # not those of the label's own point
    low, high, weights = low[others], high[others], obstacles.weights[others]
    ends = _nearest(anchor, boxes)
    starts = np.broadcast_to(anchor, ends.shape)
    crossed = np.zeros((len(boxes), len(weights)))
    for one, two in ((low, high), (np.c_[low[:, 0], high[:, 1]], np.c_[high[:, 0], low[:, 1]])):
        crossed = np.maximum(crossed, _crossed(starts, ends, one, two))  # both diagonals of a box
    return np.asarray(crossed @ weights)


def _shared_cost(
    anchors: Numbers, label: int, boxes: Boxes, others: Sequence[int], other_boxes: Boxes
) -> Numbers:
    """Return the (C,) costs of covering other labels, and of leaders across labels or leaders."""
    ends = _nearest(anchors[label], boxes)  # (C, 2)
    other_ends = np.array(
        [_nearest(anchors[n], box[None])[0] for n, box in zip(others, other_boxes, strict=True)]
    ).reshape(-1, 2)
    covered = overlap(boxes, other_boxes).sum(axis=1)
    starts = np.broadcast_to(anchors[label], ends.shape)
    crossings = _crossings(starts, ends, anchors[list(others)], other_ends)
    for low, high in ((0, 2), (2, 0)):  # both diagonals of every box
        corners = other_boxes[:, [low, 1]], other_boxes[:, [high, 3]]
        crossings += _crossings(starts, ends, *corners)
    return np.asarray(_PER_PX2_OF_LABEL * covered + _PER_CROSSING * crossings)


def _crossings(starts: Numbers, ends: Numbers, others: Numbers, other_ends: Numbers) -> Numbers:
    """Count the other segments that each segment crosses: (C, 2) x 2, (M, 2) x 2 -> (C,)."""
    return np.asarray(_crossed(starts, ends, others, other_ends).sum(axis=1))


def _crossed(starts: Numbers, ends: Numbers, others: Numbers, other_ends: Numbers) -> Numbers:
    """Return 1 where two segments cross, else 0: (C, 2) x 2, (M, 2) x 2 -> (C, M)."""
    a, b, c, d = starts[:, None], ends[:, None], others[None], other_ends[None]
    cross = (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)
    return np.asarray(cross, dtype=np.float64)


def _side(a: Numbers, b: Numbers, c: Numbers) -> Numbers:
    """Return a number whose sign is the side of the line from a to b on which point c lies."""
    one, two = b - a, c - a
    return np.asarray(one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0])


def _nearest(anchor: Numbers, boxes: Boxes) -> Numbers:
    """Return the point of each box that is nearest to the anchor: (2,), (C, 4) -> (C, 2)."""
    return np.clip(anchor, boxes[:, :2], boxes[:, 2:])


def _placement(anchor: Numbers, box: Numbers) -> Placement:
    end = _nearest(anchor, box[None])[0]
    left, bottom, right, top = (float(edge) for edge in box)
    is_far = float(np.hypot(*(end - anchor))) > _RINGS_PX[1]
    return Placement((left, bottom, right, top), (float(end[0]), float(end[1])) if is_far else None)
