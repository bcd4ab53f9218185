"""Where labels of points go: near their point, over nothing else, inside the axes.

Each label has candidate places around its point, in rings. Every label in turn takes its cheapest
place, given the others; a few sweeps over all labels mend what the first choices spoilt. It is
greedy, but the same input gives the same places.

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
# What a fault costs, in pixels that a label would rather be away from its point.
_PER_PX_OUTSIDE, _PER_PX2_OF_LABEL, _PER_PX2_COVERED = 1000.0, 4.0, 2.0
_CROSSED, _PASSED = 150.0, 10.0
_PREFERENCE = 0.4  # of one direction before the next


class Obstacles(NamedTuple):
    """What labels should not cover.

    Attributes:
        boxes: (M, 4).
        weights: (M,) how bad it is to cover one, 1 for what must be seen.
    """

    boxes: Boxes
    weights: Numbers


class Placed(NamedTuple):
    """A label's place.

    Attributes:
        box: left, bottom, right, top.
        leader: where a line from the point should end; None if the label stands beside it.
    """

    box: tuple[float, float, float, float]
    leader: tuple[float, float] | None


def place(
    anchors: Numbers, sizes: Numbers, obstacles: Obstacles, bounds: tuple[float, ...]
) -> list[Placed]:
    """Places for all labels.

    Args:
        anchors: (N, 2) the points.
        sizes: (N, 2) width and height of each label.
        obstacles: markers, lines; those of the labels' own points too.
        bounds: left, bottom, right, top of where labels may be.
    """
    candidates = [_around(anchor, size) for anchor, size in zip(anchors, sizes, strict=True)]
    own = [
        _own_cost(anchor, boxes, obstacles, bounds)
        for anchor, boxes in zip(anchors, candidates, strict=True)
    ]
    chosen: list[int | None] = [None] * len(anchors)
    for _ in range(_SWEEPS):
        before = list(chosen)
        for label in range(len(anchors)):
            others = [n for n in range(len(anchors)) if n != label and chosen[n] is not None]
            taken = np.array([candidates[n][chosen[n]] for n in others]).reshape(-1, 4)
            cost = own[label] + _shared_cost(anchors, label, candidates[label], others, taken)
            chosen[label] = int(np.argmin(cost))
        if chosen == before:
            break
    return [
        _placed(anchor, boxes[number])
        for anchor, boxes, number in zip(anchors, candidates, chosen, strict=True)
    ]


def overlap(boxes: Boxes, others: Boxes) -> Numbers:
    """(C, 4), (M, 4) -> (C, M) square pixels that two boxes share."""
    one, two = boxes[:, None], others[None]
    width = np.minimum(one[..., 2], two[..., 2]) - np.maximum(one[..., 0], two[..., 0])
    height = np.minimum(one[..., 3], two[..., 3]) - np.maximum(one[..., 1], two[..., 1])
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0))


def _around(anchor: Numbers, size: Numbers) -> Boxes:
    """(2,), (2,) -> (C, 4): the nearest ring first."""
    way = np.array([(math.cos(angle), math.sin(angle)) for angle in _DIRECTIONS])
    side = np.where(np.abs(way) < 0.1, 0, np.sign(way))
    middles = [anchor + ring * way + side * size / 2 for ring in _RINGS_PX]
    middle = np.concatenate(middles)
    return np.concatenate([middle - size / 2, middle + size / 2], axis=1)


def _own_cost(
    anchor: Numbers, boxes: Boxes, obstacles: Obstacles, bounds: tuple[float, ...]
) -> Numbers:
    """(2,), (C, 4) -> (C,) what does not depend on the other labels."""
    rings = np.repeat(_RINGS_PX, len(_DIRECTIONS))
    preference = _PREFERENCE * np.tile(np.arange(len(_DIRECTIONS)), len(_RINGS_PX))
    left, bottom, right, top = bounds
    low, high = np.array([left, bottom]), np.array([right, top])
    outside = np.maximum(low - boxes[:, :2], 0) + np.maximum(boxes[:, 2:] - high, 0)
    covered = _PER_PX2_COVERED * overlap(boxes, obstacles.boxes) @ obstacles.weights
    passed = _PASSED * _passed(anchor, boxes, obstacles)
    return np.asarray(rings + preference + _PER_PX_OUTSIDE * outside.sum(axis=1) + covered + passed)


def _passed(anchor: Numbers, boxes: Boxes, obstacles: Obstacles) -> Numbers:
    """(2,), (C, 4) -> (C,) the weights of the obstacles that a leader would run across."""
    low, high = obstacles.boxes[:, :2], obstacles.boxes[:, 2:]
    others = ((anchor < low) | (anchor > high)).any(axis=1)  # not of the label's own point
    low, high, weights = low[others], high[others], obstacles.weights[others]
    ends = _nearest(anchor, boxes)
    starts = np.broadcast_to(anchor, ends.shape)
    crossed = np.zeros((len(boxes), len(weights)))
    for one, two in ((low, high), (np.c_[low[:, 0], high[:, 1]], np.c_[high[:, 0], low[:, 1]])):
        crossed = np.maximum(crossed, _crossed(starts, ends, one, two))  # both diagonals of a box
    return np.asarray(crossed @ weights)


def _shared_cost(
    anchors: Numbers, label: int, boxes: Boxes, others: Sequence[int], taken: Boxes
) -> Numbers:
    """(C,) of covering other labels, and of leaders that cross labels or leaders."""
    ends = _nearest(anchors[label], boxes)  # (C, 2)
    other_ends = np.array(
        [_nearest(anchors[n], box[None])[0] for n, box in zip(others, taken, strict=True)]
    ).reshape(-1, 2)
    covered = overlap(boxes, taken).sum(axis=1)
    starts = np.broadcast_to(anchors[label], ends.shape)
    crossings = _crossings(starts, ends, anchors[list(others)], other_ends)
    for low, high in ((0, 2), (2, 0)):  # both diagonals of every box
        corners = taken[:, [low, 1]], taken[:, [high, 3]]
        crossings += _crossings(starts, ends, *corners)
    return np.asarray(_PER_PX2_OF_LABEL * covered + _CROSSED * crossings)


def _crossings(starts: Numbers, ends: Numbers, others: Numbers, other_ends: Numbers) -> Numbers:
    """(C, 2) x 2, (M, 2) x 2 -> (C,) how many of the other segments each segment crosses."""
    return np.asarray(_crossed(starts, ends, others, other_ends).sum(axis=1))


def _crossed(starts: Numbers, ends: Numbers, others: Numbers, other_ends: Numbers) -> Numbers:
    """(C, 2) x 2, (M, 2) x 2 -> (C, M) 1 where two segments cross."""
    a, b, c, d = starts[:, None], ends[:, None], others[None], other_ends[None]
    apart = (_turn(a, b, c) * _turn(a, b, d) < 0) & (_turn(c, d, a) * _turn(c, d, b) < 0)
    return np.asarray(apart, dtype=np.float64)


def _turn(a: Numbers, b: Numbers, c: Numbers) -> Numbers:
    """On which side of the line from a to b the point c is."""
    one, two = b - a, c - a
    return np.asarray(one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0])


def _nearest(anchor: Numbers, boxes: Boxes) -> Numbers:
    """(2,), (C, 4) -> (C, 2) the point of each box that is nearest to the anchor."""
    return np.clip(anchor, boxes[:, :2], boxes[:, 2:])


def _placed(anchor: Numbers, box: Numbers) -> Placed:
    end = _nearest(anchor, box[None])[0]
    left, bottom, right, top = (float(edge) for edge in box)
    moved = float(np.hypot(*(end - anchor))) > _RINGS_PX[1]
    return Placed((left, bottom, right, top), (float(end[0]), float(end[1])) if moved else None)
