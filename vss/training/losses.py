"""The training losses.

Shapes: B clips, K classes, h w feature map, H W labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.dataset import IGNORE_LABEL
from vss.models.layers import resize

_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class HardPixels:
    """The settings of online hard example mining.

    Source: Shrivastava et al., CVPR 2016, as implemented in the OpenMMLab segmentation toolbox.
    Difference: its minimum number of pixels is a fraction here, independent of the crop.

    Attributes:
        threshold: the probability of the true class below which a pixel counts.
        min_share: the fraction of the labelled pixels, the hardest ones, that count in any case.
    """

    threshold: float
    min_share: float


def segmentation_loss(
    outputs: Sequence[Tensor],
    output_weights: Sequence[float],
    labels: Tensor,
    class_weights: Tensor | None,
    hard_pixels: HardPixels | None = None,
) -> Tensor:
    """Return the weighted sum of the cross-entropies of all outputs.

    Args:
        outputs: (B, K, h, w) logits each, with the prediction first.
        output_weights: one weight per output.
        labels: (B, H, W) int64; IGNORE_LABEL counts neither in the sum nor in the mean.
        class_weights: (K,) weights, or None for equal weights.
        hard_pixels: the settings of hard example mining, or None to count all pixels.

    Returns:
        a scalar, 0 if there are no labelled pixels.
    """
    losses = [
        weight * cross_entropy(resize(logits, labels.shape[1:]), labels, class_weights, hard_pixels)
        for logits, weight in zip(outputs, output_weights, strict=True)
    ]
    return torch.stack(losses).sum()


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    hard_pixels: HardPixels | None = None,
) -> Tensor:
    """Return the class-weighted mean cross-entropy of the pixels that count, or 0 if none do."""
    if hard_pixels is not None:
        labels = torch.where(_is_hard(logits, labels, hard_pixels), labels, IGNORE_LABEL)
    total = F.cross_entropy(
        logits.float(), labels, class_weights, ignore_index=IGNORE_LABEL, reduction="sum"
    )
    return total / labelled_weight(labels, class_weights).clamp_min(_TINY)


def labelled_weight(labels: Tensor, class_weights: Tensor | None) -> Tensor:
    """Return the divisor of a mean: the number of labelled pixels, or the sum of their weights."""
    is_labelled = labels != IGNORE_LABEL
    if class_weights is None:
        return is_labelled.sum().float()
    return class_weights[labels[is_labelled]].sum()


@torch.no_grad()
def _is_hard(logits: Tensor, labels: Tensor, hard_pixels: HardPixels) -> Tensor:
    """Mark the pixels that count: (B, K, H, W), (B, H, W) -> (B, H, W)."""
    losses = F.cross_entropy(logits.float(), labels, ignore_index=IGNORE_LABEL, reduction="none")
    is_labelled = labels != IGNORE_LABEL
    probability = torch.where(is_labelled, (-losses).exp(), torch.inf)
    is_hard = probability < hard_pixels.threshold
    min_pixels = int(hard_pixels.min_share * int(is_labelled.sum()))
    if int(is_hard.sum()) >= min_pixels:
        return is_hard
    return probability <= probability.flatten().kthvalue(min_pixels).values


def median_frequency_weights(
    video: DecodedVideo, clips: Sequence[Clip], num_classes: int
) -> Tensor:
    """Return (K,) weights: median frequency divided by frequency, 0 for classes that never occur.

    Source: Eigen and Fergus, ICCV 2015, section 6.3.2: a class's frequency is its fraction of the
    pixels of the images in which it occurs.
    """
    rows = video.label_rows[[clip.target for clip in clips]]
    counts = np.stack(
        [np.bincount(video.labels[row].ravel(), minlength=256)[:num_classes] for row in rows]
    )
    labelled_pixels = counts.sum(axis=1, keepdims=True)
    pixels = (labelled_pixels * (counts > 0)).sum(axis=0)
    occurs = pixels > 0
    frequency = counts.sum(axis=0)[occurs] / pixels[occurs]
    weights = np.zeros(num_classes)
    weights[occurs] = np.median(frequency) / frequency
    return torch.from_numpy(weights).float()
