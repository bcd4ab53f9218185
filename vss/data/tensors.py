"""Clips as tensors: read from the cache, moved to the device, normalised.

Shapes: B clips, T past frames, h w the trial's frame size, H W the labels' own size.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip

# Mean and standard deviation of ImageNet's RGB values, in 0..255.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


def load_clips(
    video: DecodedVideo, clips: Sequence[Clip], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Read clips without augmenting them.

    Returns:
        images (B, T + 1, 3, h, w), normalised, the target frame last; labels (B, H, W) bytes.
    """
    pixels, labels = read_clips(video, clips)
    return normalise(copy_to_device(pixels, device)), copy_to_device(labels, device)


def read_clips(video: DecodedVideo, clips: Sequence[Clip]) -> tuple[Tensor, Tensor]:
    """Read the bytes of clips: pixels (B, T + 1, h, w, 3) and labels (B, H, W)."""
    indices = np.array([[*clip.memory, clip.target] for clip in clips])
    labels = video.labels[video.label_rows[indices[:, -1]]]
    return torch.from_numpy(video.images[indices]), torch.from_numpy(labels)


def copy_to_device(batch: Tensor, device: torch.device) -> Tensor:
    """Copy a batch to a device.

    Copies to a GPU start from pinned memory, so that copying overlaps with computing.
    """
    if device.type != "cuda":
        return batch.to(device)
    return batch.pin_memory().to(device, non_blocking=True)


def normalise(pixels: Tensor) -> Tensor:
    """Normalise RGB by ImageNet's mean and deviation, (..., h, w, 3) -> (..., 3, h, w)."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(3, 1, 1)
    return (pixels.movedim(-1, -3).float() - mean) / std
