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

    Source: Shrivastava et al., CVPR 2016, in the form of the OpenMMLab segmentation toolbox.
    Differs: its smallest number of pixels is a share here, independent of the crop.

    Attributes:
        threshold: pixels whose true class has a lower probability count.
        min_share: if fewer than this share of the labelled pixels count, the hardest ones do.
    """

    threshold: float
    min_share: float


def segmentation_loss(
    outputs: Sequence[Tensor],
    output_weights: Sequence[float],
    labels: Tensor,
    class_weights: Tensor | None,
    hard: HardPixels | None = None,
) -> Tensor:
    """Return the weighted sum of the cross-entropies of all outputs.

    Args:
        outputs: (B, K, h, w) logits each, the prediction first.
        output_weights: one weight per output.
        labels: (B, H, W) int64; IGNORE_LABEL counts neither in the sum nor in the mean.
        class_weights: (K,) or None for equal weights.
        hard: hard example mining, or None to count all pixels.

    Returns:
        a scalar; 0 without labelled pixels.
    """
    losses = [
        weight * cross_entropy(resize(logits, labels.shape[1:]), labels, class_weights, hard)
        for logits, weight in zip(outputs, output_weights, strict=True)
    ]
    return torch.stack(losses).sum()


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    hard: HardPixels | None = None,
) -> Tensor:
    """Return the mean cross-entropy of the labelled pixels that count, weighted by class; 0 if
    there are none."""
    if hard is not None:
        labels = torch.where(_is_hard(logits, labels, hard), labels, IGNORE_LABEL)
    total = F.cross_entropy(
        logits.float(), labels, class_weights, ignore_index=IGNORE_LABEL, reduction="sum"
    )
    return total / labelled_weight(labels, class_weights).clamp_min(_TINY)


def labelled_weight(labels: Tensor, class_weights: Tensor | None) -> Tensor:
    """Count the labelled pixels, or sum their weights: the divisor of a mean."""
    labelled = labels != IGNORE_LABEL
    if class_weights is None:
        return labelled.sum().float()
    return class_weights[labels[labelled]].sum()


@torch.no_grad()
def _is_hard(logits: Tensor, labels: Tensor, hard: HardPixels) -> Tensor:
    """Mark the pixels that count: (B, K, H, W), (B, H, W) -> (B, H, W)."""
    surprise = F.cross_entropy(logits.float(), labels, ignore_index=IGNORE_LABEL, reduction="none")
    labelled = labels != IGNORE_LABEL
    probability = torch.where(labelled, (-surprise).exp(), torch.inf)
    counts = probability < hard.threshold
    least = int(hard.min_share * int(labelled.sum()))
    if int(counts.sum()) >= least:
        return counts
    return probability <= probability.flatten().kthvalue(least).values


def median_frequency_weights(
    video: DecodedVideo, clips: Sequence[Clip], num_classes: int
) -> Tensor:
    """Return (K,) weights: median frequency over frequency, 0 for classes that never occur.

    Source: Eigen and Fergus, ICCV 2015, section 6.3.2: a class's frequency is its share of the
    pixels of the images in which it occurs.
    """
    rows = video.label_rows[[clip.target for clip in clips]]
    counts = np.stack(
        [np.bincount(video.labels[row].ravel(), minlength=256)[:num_classes] for row in rows]
    )
    labelled = counts.sum(axis=1, keepdims=True)
    pixels = (labelled * (counts > 0)).sum(axis=0)
    occurs = pixels > 0
    frequency = counts.sum(axis=0)[occurs] / pixels[occurs]
    weights = np.zeros(num_classes)
    weights[occurs] = np.median(frequency) / frequency
    return torch.from_numpy(weights).float()
