"""Metrics from pixel counts: one confusion matrix per frame, so that reports can resample frames.

Shapes: F frames, K classes; rows are labels, columns predictions. Metrics are fractions, not %.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Confusion = NDArray[np.int64]

BOUNDARY_PIXELS = 3  # width of the band of boundary IoU, in pixels of the label


def frame_confusions(predictions: Tensor, labels: Tensor, num_classes: int) -> Confusion:
    """Count (label, prediction) pairs of each frame.

    Args:
        predictions: (F, H, W) class indices.
        labels: (F, H, W) label values; those of num_classes and above are ignored.
        num_classes: the number of classes K.

    Returns:
        (F, K, K) pixel counts.

    Raises:
        ValueError: if the prediction of a scored pixel is not one of the classes.
    """
    frames = len(labels)
    is_scored = labels < num_classes
    _check_predictions(predictions, is_scored, num_classes)
    frame = torch.arange(frames, device=labels.device)[:, None, None].expand_as(labels)
    pair = (frame * num_classes + labels.long()) * num_classes + predictions
    counts = torch.bincount(pair[is_scored], minlength=frames * num_classes**2)
    return counts.view(frames, num_classes, num_classes).cpu().numpy()


def _check_predictions(predictions: Tensor, is_scored: Tensor, num_classes: int) -> None:
    if predictions.numel() == 0:
        return
    # The extremes take a thousandth of the time of the count, and suffice if they are valid.
    low, high = (int(extreme) for extreme in predictions.aminmax())
    if low >= 0 and high < num_classes:
        return
    outside = predictions[is_scored & ((predictions < 0) | (predictions >= num_classes))]
    if len(outside):
        raise ValueError(
            f"predicted class {int(outside[0])} is not one of the classes 0 to "
            f"{num_classes - 1} (scored pixels without a valid class: {len(outside)})"
        )


def boundary_counts(predictions: Tensor, labels: Tensor, num_classes: int) -> Confusion:
    """Count the pixels along the boundaries of each class, in label, prediction and both.

    The band of a class consists of its pixels that have a different class within `BOUNDARY_PIXELS`
    (a square window). Neither the image's edge nor unlabelled pixels form a boundary.

    Source: Cheng et al. 2021, Boundary IoU. Differences: the width is in pixels, not a fraction of
    the image's diagonal; the image's edge is not a boundary.

    Args:
        predictions: (F, H, W) class indices.
        labels: (F, H, W) label values; those of num_classes and above are ignored.
        num_classes: the number of classes K.

    Returns:
        (F, K, 2): the number of pixels in both bands, and in at least one.
    """
    is_scored = labels < num_classes
    in_label = _has_other_class_near(labels, is_scored) & is_scored
    in_prediction = _has_other_class_near(predictions, torch.ones_like(is_scored)) & is_scored
    in_both = in_label & in_prediction & (labels == predictions)
    label_pixels, intersection, prediction_pixels = (
        _count(classes, mask, num_classes)
        for classes, mask in (
            (labels, in_label),
            (labels, in_both),
            (predictions, in_prediction),
        )
    )
    return np.stack([intersection, label_pixels + prediction_pixels - intersection], axis=-1)


def _has_other_class_near(classes: Tensor, valid: Tensor) -> Tensor:
    """Mark the pixels whose window contains a valid class other than their own."""
    values = classes.float()
    highest = _window_maximum(values.masked_fill(~valid, -1.0))
    lowest = -_window_maximum((-values).masked_fill(~valid, -torch.inf))
    return (highest != values) | (lowest != values)


def _window_maximum(values: Tensor) -> Tensor:
    size = 2 * BOUNDARY_PIXELS + 1
    rows = F.max_pool2d(values[:, None], (size, 1), stride=1, padding=(BOUNDARY_PIXELS, 0))
    return F.max_pool2d(rows, (1, size), stride=1, padding=(0, BOUNDARY_PIXELS))[:, 0]


def _count(classes: Tensor, mask: Tensor, num_classes: int) -> Confusion:
    """Count the classes of the masked pixels of each frame: (F, H, W) -> (F, K)."""
    frames = len(classes)
    frame = torch.arange(frames, device=classes.device)[:, None, None].expand_as(mask)
    index = (frame * num_classes + classes.long())[mask]
    counts = torch.bincount(index, minlength=frames * num_classes)
    return counts.view(frames, num_classes).cpu().numpy()


def iou_per_class(confusion: Confusion) -> NDArray[np.float64]:
    """Return the (K,) intersection over union, NaN for a class in neither label nor prediction."""
    intersection = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection
    return _ratio(intersection, union)


def miou(confusion: Confusion) -> float:
    """Average the IoU over the classes in labels or predictions (the rule of TMANet and OpenMMLab).

    A class that is predicted but never labelled counts as 0.
    """
    return _mean(iou_per_class(confusion))


def miou_labelled(confusion: Confusion) -> float:
    """Average the IoU over the classes in the labels (the rule of VSPW and CFFM)."""
    return _mean(iou_per_class(confusion)[confusion.sum(axis=1) > 0])


def pixel_accuracy(confusion: Confusion) -> float:
    """Return the fraction of labelled pixels that are classified correctly."""
    return float(_ratio(np.trace(confusion), confusion.sum()))


def class_accuracy(confusion: Confusion) -> float:
    """Average the per-class accuracy over the labelled classes."""
    return _mean(_ratio(np.diag(confusion), confusion.sum(axis=1)))


METRICS: dict[str, Callable[[Confusion], float]] = {
    "miou": miou,
    "miou_labelled": miou_labelled,
    "pixel_accuracy": pixel_accuracy,
    "class_accuracy": class_accuracy,
}


def compute_metrics(confusion: Confusion, void_index: int | None = None) -> dict[str, float]:
    """Compute every metric of a (K, K) confusion matrix, except for undefined ones.

    Args:
        confusion: the matrix of all frames together.
        void_index: the class of unlabelled pixels, if there is one (TMANet trains on it and
            includes it in the mean). `miou_without_void` then ignores such pixels, as others do,
            but void predicted on a labelled pixel still counts as wrong.
    """
    values = {name: metric(confusion) for name, metric in METRICS.items()}
    if void_index is not None:
        labelled = confusion.copy()
        labelled[void_index] = 0
        values["miou_without_void"] = _mean(np.delete(iou_per_class(labelled), void_index))
    return {name: value for name, value in values.items() if not np.isnan(value)}


def boundary_miou(counts: Confusion) -> float:
    """Average the IoU of boundary bands, from (K, 2) counts, over the classes that have a band."""
    return _mean(_ratio(counts[:, 0], counts[:, 1]))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(part / whole, dtype=np.float64)


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
