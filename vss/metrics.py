"""Scores from confusion matrices: one per scored frame, so that a report can resample frames.

Shapes: F frames, K classes; rows are labels, columns predictions. Scores are fractions, not %.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Confusion = NDArray[np.int64]


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


def iou_per_class(confusion: Confusion) -> NDArray[np.float64]:
    """(K, K) -> (K,) intersection over union; NaN for a class in neither label nor prediction."""
    intersection = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection
    return _ratio(intersection, union)


def miou(confusion: Confusion) -> float:
    """Mean IoU over the classes that occur in label or prediction (the published TMANet rule)."""
    return _mean(iou_per_class(confusion))


def pixel_accuracy(confusion: Confusion) -> float:
    """Share of the labelled pixels that are right."""
    return float(_ratio(np.trace(confusion), confusion.sum()))


def class_accuracy(confusion: Confusion) -> float:
    """Mean over the labelled classes of the share of their pixels that are right."""
    return _mean(_ratio(np.diag(confusion), confusion.sum(axis=1)))


METRICS: dict[str, Callable[[Confusion], float]] = {
    "miou": miou,
    "pixel_accuracy": pixel_accuracy,
    "class_accuracy": class_accuracy,
}


def scores(confusion: Confusion) -> dict[str, float]:
    """Every metric of a (K, K) confusion matrix, by name."""
    return {name: metric(confusion) for name, metric in METRICS.items()}


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(part / whole, dtype=np.float64)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
