"""From decoded frames to a batch: one draw of geometry per clip, shared by all its frames.

Shapes: B clips, T past frames, h w the size of the trial, H W the labels' own size.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor

from vss.config import TrialConfig
from vss.data.cache import DecodedVideo
from vss.data.clips import IGNORE_LABEL, Clip

# Mean and standard deviation of ImageNet's RGB values, in 0..255.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


def gather(
    video: DecodedVideo, clips: Sequence[Clip], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Read clips, without augmentation.

    Returns:
        images (B, T + 1, 3, h, w), normalised, the target frame last; labels (B, H, W) bytes.
    """
    indices = np.array([[*clip.memory, clip.target] for clip in clips])
    pixels = torch.from_numpy(video.images[indices]).to(device)  # (B, T + 1, h, w, 3)
    labels = video.labels[video.label_rows[indices[:, -1]]]
    return normalise(pixels), torch.from_numpy(labels).to(device)


def normalise(pixels: Tensor) -> Tensor:
    """(..., h, w, 3) RGB bytes -> (..., 3, h, w) of mean 0 and deviation 1 over ImageNet."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(3, 1, 1)
    return (pixels.movedim(-1, -3).float() - mean) / std


def augment(
    images: Tensor, labels: Tensor, config: TrialConfig, rng: Generator
) -> tuple[Tensor, Tensor]:
    """Zoom, shift and mirror whole clips.

    A zoom above 1 shows a part of the frame, below 1 the frame with a margin: black-as-mean in
    the image, ignored in the label.

    Args:
        images: (B, T + 1, 3, h, w), normalised.
        labels: (B, H, W) bytes.
        config: its flip, scale_min and scale_max.
        rng: where the draws come from, three for each clip.

    Returns:
        images of the same shape; labels (B, h, w) as int64.
    """
    grid = _sampling_grid(images, config, rng)  # (B, h, w, 2)
    whole = images.flatten(1, 2)  # all frames of a clip as channels: (B, 3 (T + 1), h, w)
    moved = F.grid_sample(whole, grid, mode="bilinear", align_corners=False)
    # Outside the frame grid_sample gives 0: shifted by one, that reads as ignored.
    shifted = (labels[:, None].float() + 1) * (labels[:, None] != IGNORE_LABEL)
    picked = F.grid_sample(shifted, grid, mode="nearest", align_corners=False)[:, 0].long() - 1
    picked[picked < 0] = IGNORE_LABEL
    return moved.unflatten(1, (images.shape[1], -1)), picked


def _sampling_grid(images: Tensor, config: TrialConfig, rng: Generator) -> Tensor:
    clips = len(images)
    zoom = rng.uniform(config.scale_min, config.scale_max, size=clips)
    room = np.abs(1 - 1 / zoom)  # how far the centre may move, in half frames
    shift = rng.uniform(-1, 1, size=(clips, 2)) * room[:, None]
    mirror = np.where(rng.random(clips) < (0.5 if config.flip else 0.0), -1.0, 1.0)
    matrix = np.zeros((clips, 2, 3))
    matrix[:, 0, 0] = mirror / zoom
    matrix[:, 1, 1] = 1 / zoom
    matrix[:, :, 2] = shift
    theta = torch.from_numpy(matrix).to(images)
    return F.affine_grid(theta, [clips, 1, *images.shape[-2:]], align_corners=False)
