"""Predictions in the precision of the trial.

Shapes: B clips, T past frames, K classes, H W image size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vss.config import TrialConfig
from vss.models.segmenter import VideoSegmenter


def predict(
    model: VideoSegmenter, config: TrialConfig, images: Tensor, size: Sequence[int]
) -> Tensor:
    """Logits of the last frame of each clip.

    Args:
        model: in eval mode.
        config: the trial that it is of.
        images: (B, T + 1, 3, H, W), normalised.
        size: height and width of the answer.

    Returns:
        (B, K, *size) logits.
    """
    with autocast(config, images.device):
        return model.predict(images, size)


def autocast(config: TrialConfig, device: torch.device) -> torch.autocast:
    """The precision of a trial, as a context for its forward passes."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")
