"""Augment whole clips: one draw of geometry per clip, shared by all its frames.

Shapes: B clips, T past frames, h w the trial's frame size, H W the labels' own size, c d height and
width of the training crop.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from vss.data.augmentation.photometric import Distortion, distort, draw_distortion
from vss.data.dataset import IGNORE_LABEL
from vss.data.tensors import MEAN, normalise
from vss.trial_config import TrialConfig

_REDRAWS = 10  # the most attempts at a new crop if one class fills it


@dataclass(frozen=True)
class Draws:
    """The random draws for a batch of B clips.

    They are always drawn for the whole batch, even if a process trains only on a share of it.

    Attributes:
        zoom: (B,) the factor by which the frame is enlarged.
        is_mirrored: (B,) whether left and right are swapped.
        offsets: (tries, B, 2) the position of the crop, from -1 to 1, across and down.
        distortion: the colour distortion of each of B * (T + 1) frames, or None.
    """

    zoom: NDArray[np.float64]
    is_mirrored: NDArray[np.bool_]
    offsets: NDArray[np.float64]
    distortion: Distortion | None


def draw_augmentation(config: TrialConfig, clips: int, rng: Generator) -> Draws:
    """Draw zoom, crop, mirroring and colours for a batch of `clips`."""
    zoom = rng.uniform(config.scale_min, config.scale_max, size=clips)
    offsets = rng.uniform(-1, 1, size=(clips, 2))
    is_mirrored = rng.random(clips) < (0.5 if config.flip else 0.0)
    redraws = _REDRAWS if config.crop_max_class_share < 1 else 0
    more_offsets = rng.uniform(-1, 1, size=(redraws, clips, 2))
    distortion = None
    if config.photometric != "none":
        frames = config.memory_length + 1
        per_clip = config.photometric == "per_clip"
        distortion = draw_distortion(clips if per_clip else clips * frames, rng)
        if per_clip:
            distortion = Distortion(
                *(part.repeat_interleave(frames, 0) for part in vars(distortion).values())
            )
    return Draws(zoom, is_mirrored, np.concatenate([offsets[None], more_offsets]), distortion)


def take_share(draws: Draws, clips: slice, frames: int) -> Draws:
    """Return the draws of some clips of a batch; each clip has `frames` frames."""
    distortion = draws.distortion
    if distortion is not None:
        start, stop = (clips.start * frames, clips.stop * frames)
        distortion = Distortion(*(part[start:stop] for part in vars(distortion).values()))
    return Draws(draws.zoom[clips], draws.is_mirrored[clips], draws.offsets[:, clips], distortion)


def augment(
    pixels: Tensor, labels: Tensor, config: TrialConfig, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Zoom, crop and mirror whole clips, and distort their colours.

    Where a crop extends beyond the zoomed frame, the image gets a margin of the mean colour, which
    the label ignores.

    Args:
        pixels: (B, T + 1, h, w, 3) bytes.
        labels: (B, H, W) bytes.
        config: the trial, which sets crop_width, crop_height and crop_max_class_share.
        draws: the draws for these B clips.

    Returns:
        images (B, T + 1, 3, c, d), normalised; labels (B, c, d) as int64.
    """
    # Outside the frame, grid_sample returns 0. Labels are shifted by one so that 0 means ignored;
    # IGNORE_LABEL, the largest byte, wraps around to 0 as well.
    shifted_labels = (labels[:, None] + 1).float()
    grid, crops = _crop(shifted_labels, (pixels.shape[2], pixels.shape[3]), config, draws)
    if draws.distortion is None:
        return _sample(normalise(pixels), grid), crops
    return _sample_distorted(pixels, grid, draws.distortion), crops


def _sample(images: Tensor, grid: Tensor) -> Tensor:
    """Crop frames: (B, T + 1, C, h, w) -> (B, T + 1, C, c, d), with 0 outside the frame."""
    channels = images.flatten(1, 2)  # all frames of a clip as channels: one grid moves them all
    crops = F.grid_sample(channels, grid, mode="bilinear", align_corners=False)
    frames: Tensor = crops.unflatten(1, images.shape[1:3])
    return frames


def _sample_distorted(pixels: Tensor, grid: Tensor, distortion: Distortion) -> Tensor:
    """Crop, then distort the colours: a crop has fewer pixels than the frame."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    crops = _sample(pixels.movedim(-1, 2).float() - mean, grid) + mean
    distorted = distort(crops.flatten(0, 1), distortion).unflatten(0, crops.shape[:2])
    images = normalise(distorted.movedim(2, -1))
    inside = (grid.abs() <= 1).all(dim=-1)  # (B, c, d); the margin keeps the mean colour
    return images * inside[:, None, None]


def _crop(
    shifted_labels: Tensor, size: tuple[int, int], config: TrialConfig, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Return the sampling grid and the labels of the crops, moving crops that one class fills."""
    offsets = draws.offsets[0].copy()
    grid = _grid(size, config, draws, offsets, shifted_labels.device)
    labels = _sample_labels(shifted_labels, grid)
    for new_offsets in draws.offsets[1:]:
        is_filled = _largest_share(labels).cpu().numpy() >= config.crop_max_class_share
        if not is_filled.any():
            break
        offsets[is_filled] = new_offsets[is_filled]
        grid = _grid(size, config, draws, offsets, shifted_labels.device)
        labels = _sample_labels(shifted_labels, grid)
    return grid, labels


def _sample_labels(shifted_labels: Tensor, grid: Tensor) -> Tensor:
    crops = (
        F.grid_sample(shifted_labels, grid, mode="nearest", align_corners=False)[:, 0].long() - 1
    )
    return crops.masked_fill_(crops < 0, IGNORE_LABEL)


def _largest_share(labels: Tensor) -> Tensor:
    """Return the labelled fraction that the most frequent class covers: (B, c, d) -> (B,)."""
    counts = torch.stack(
        [torch.bincount(each.flatten(), minlength=256)[:IGNORE_LABEL] for each in labels]
    )
    return counts.amax(1) / counts.sum(1).clamp(min=1)


def _grid(
    size: tuple[int, int],
    config: TrialConfig,
    draws: Draws,
    offsets: NDArray[np.float64],
    device: torch.device,
) -> Tensor:
    """Return the frame coordinates of each pixel of the crops: (B, c, d, 2)."""
    height, width = size
    crop = (config.crop_height or height, config.crop_width or width)
    # Fraction of the frame that a crop covers, across and down; above 1 there is a margin.
    covered_share = np.array([crop[1] / width, crop[0] / height]) / draws.zoom[:, None]
    matrix = np.zeros((len(offsets), 2, 3))
    matrix[:, 0, 0] = np.where(draws.is_mirrored, -covered_share[:, 0], covered_share[:, 0])
    matrix[:, 1, 1] = covered_share[:, 1]
    matrix[:, :, 2] = offsets * np.abs(1 - covered_share)
    theta = torch.from_numpy(matrix).to(device, torch.float32)
    return F.affine_grid(theta, [len(offsets), 1, *crop], align_corners=False)
