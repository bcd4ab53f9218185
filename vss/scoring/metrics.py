"""Scores from counts: one confusion matrix a scored frame, so that a report can resample frames.

Shapes: F frames, K classes; rows are labels, columns predictions. Scores are fractions, not %.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Confusion = NDArray[np.int64]

BOUNDARY_PIXELS = 3  # width of the band that boundary IoU looks at, in pixels of the label


def frame_confusions(predictions: Tensor, labels: Tensor, num_classes: int) -> Confusion:
    """Count (label, prediction) pairs of each frame.

    Args:
        predictions: (F, H, W) class indices.
        labels: (F, H, W); values of num_classes and above are left out.
        num_classes: K.

    Returns:
        (F, K, K) pixel counts.
    """
    frames = len(labels)
    scored = labels < num_classes
    frame = torch.arange(frames, device=labels.device)[:, None, None].expand_as(labels)
    pair = (frame * num_classes + labels.long()) * num_classes + predictions
    counts = torch.bincount(pair[scored], minlength=frames * num_classes**2)
    return counts.view(frames, num_classes, num_classes).cpu().numpy()


def boundary_counts(predictions: Tensor, labels: Tensor, num_classes: int) -> Confusion:
    """Count the pixels along the boundaries of each class, in label, prediction and both.

    The band of a class holds its pixels that have another class within `BOUNDARY_PIXELS` (a
    square window). The image's edge and unlabelled pixels are no boundary.

    Source: Cheng et al. 2021, Boundary IoU. Differs: a width in pixels, not in shares of the
    image's diagonal; the image's edge is no boundary.

    Args:
        predictions: (F, H, W) class indices.
        labels: (F, H, W); values of num_classes and above are left out.
        num_classes: K.

    Returns:
        (F, K, 2): pixels in both bands, and in either one.
    """
    scored = labels < num_classes
    in_label = _has_other_class_near(labels, scored) & scored
    in_prediction = _has_other_class_near(predictions, torch.ones_like(scored)) & scored
    both = in_label & in_prediction & (labels == predictions)
    label, shared, predicted = (
        _count(classes, where, num_classes)
        for classes, where in (
            (labels, in_label),
            (labels, both),
            (predictions, in_prediction),
        )
    )
    return np.stack([shared, label + predicted - shared], axis=-1)


def _has_other_class_near(classes: Tensor, valid: Tensor) -> Tensor:
    """(F, H, W): whether the largest or smallest valid class in the window is another one."""
    values = classes.float()
    highest = _window_maximum(values.masked_fill(~valid, -1.0))
    lowest = -_window_maximum((-values).masked_fill(~valid, -torch.inf))
    return (highest != values) | (lowest != values)


def _window_maximum(values: Tensor) -> Tensor:
    size = 2 * BOUNDARY_PIXELS + 1
    rows = F.max_pool2d(values[:, None], (size, 1), stride=1, padding=(BOUNDARY_PIXELS, 0))
    return F.max_pool2d(rows, (1, size), stride=1, padding=(0, BOUNDARY_PIXELS))[:, 0]


def _count(classes: Tensor, where: Tensor, num_classes: int) -> Confusion:
    """(F, H, W) classes, counted where wanted -> (F, K)."""
    frames = len(classes)
    frame = torch.arange(frames, device=classes.device)[:, None, None].expand_as(where)
    place = (frame * num_classes + classes.long())[where]
    counts = torch.bincount(place, minlength=frames * num_classes)
    return counts.view(frames, num_classes).cpu().numpy()


def iou_per_class(confusion: Confusion) -> NDArray[np.float64]:
    """(K, K) -> (K,) intersection over union; NaN for a class in neither label nor prediction."""
    intersection = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection
    return _ratio(intersection, union)


def miou(confusion: Confusion) -> float:
    """Mean IoU over the classes that occur in label or prediction (TMANet's and OpenMMLab's rule).

    A class that is predicted but never labelled counts as 0.
    """
    return _mean(iou_per_class(confusion))


def miou_labelled(confusion: Confusion) -> float:
    """Mean IoU over the classes that occur in the labels (VSPW's and CFFM's rule)."""
    return _mean(iou_per_class(confusion)[confusion.sum(axis=1) > 0])


def pixel_accuracy(confusion: Confusion) -> float:
    """Share of the labelled pixels that are right."""
    return float(_ratio(np.trace(confusion), confusion.sum()))


def class_accuracy(confusion: Confusion) -> float:
    """Mean over the labelled classes of the share of their pixels that are right."""
    return _mean(_ratio(np.diag(confusion), confusion.sum(axis=1)))


METRICS: dict[str, Callable[[Confusion], float]] = {
    "miou": miou,
    "miou_labelled": miou_labelled,
    "pixel_accuracy": pixel_accuracy,
    "class_accuracy": class_accuracy,
}


def scores(confusion: Confusion, void_index: int | None = None) -> dict[str, float]:
    """Every metric of a (K, K) confusion matrix, by name; those that are undefined are left out.

    Args:
        confusion: of all frames.
        void_index: the class that stands for unlabelled pixels, if there is one (TMANet trains
            and averages it). `miou_without_void` is then the figure of those who leave such
            pixels out: a prediction of void on a labelled pixel still counts as wrong.
    """
    found = {name: metric(confusion) for name, metric in METRICS.items()}
    if void_index is not None:
        labelled = confusion.copy()
        labelled[void_index] = 0
        without = np.delete(iou_per_class(labelled), void_index)
        found["miou_without_void"] = _mean(without)
    return {name: value for name, value in found.items() if not np.isnan(value)}


def boundary_miou(counts: Confusion) -> float:
    """(K, 2) summed boundary counts -> mean IoU of the bands over the classes that have one."""
    return _mean(_ratio(counts[:, 0], counts[:, 1]))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(part / whole, dtype=np.float64)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
