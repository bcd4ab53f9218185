"""From decoded frames to a batch: one draw of geometry per clip, shared by all its frames.

Shapes: B clips, T past frames, h w the size of the trial, H W the labels' own size, c d the size
of the crop that is trained on (height, width).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from vss.data.augmentation import photometric
from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.dataset import IGNORE_LABEL
from vss.trial_config import TrialConfig

# Mean and standard deviation of ImageNet's RGB values, in 0..255.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
_REDRAWS = 10  # of a crop that one class fills


@dataclass(frozen=True)
class Draws:
    """What chance decides for a batch of B clips; drawn for all of it, whoever trains a share.

    Attributes:
        zoom: (B,) how much larger than in the frame things appear.
        mirrored: (B,) whether left and right are exchanged.
        places: (tries, B, 2) where the crop lies, from -1 to 1, across and down.
        distortion: of colours, for each of B * (T + 1) frames; None for none.
    """

    zoom: NDArray[np.float64]
    mirrored: NDArray[np.bool_]
    places: NDArray[np.float64]
    distortion: photometric.Distortion | None


def gather(
    video: DecodedVideo, clips: Sequence[Clip], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Read clips, without augmentation.

    Returns:
        images (B, T + 1, 3, h, w), normalised, the target frame last; labels (B, H, W) bytes.
    """
    pixels, labels = read(video, clips)
    return normalise(to_device(pixels, device)), to_device(labels, device)


def read(video: DecodedVideo, clips: Sequence[Clip]) -> tuple[Tensor, Tensor]:
    """Bytes of clips: pixels (B, T + 1, h, w, 3), labels (B, H, W)."""
    indices = np.array([[*clip.memory, clip.target] for clip in clips])
    labels = video.labels[video.label_rows[indices[:, -1]]]
    return torch.from_numpy(video.images[indices]), torch.from_numpy(labels)


def to_device(bytes_of: Tensor, device: torch.device) -> Tensor:
    """Copy; to a GPU from pinned memory, so that the copy runs beside what the GPU does."""
    if device.type != "cuda":
        return bytes_of.to(device)
    return bytes_of.pin_memory().to(device, non_blocking=True)


def normalise(pixels: Tensor) -> Tensor:
    """(..., h, w, 3) RGB values -> (..., 3, h, w) of mean 0 and deviation 1 over ImageNet."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pixels.device).view(3, 1, 1)
    return (pixels.movedim(-1, -3).float() - mean) / std


def draw(config: TrialConfig, clips: int, rng: Generator) -> Draws:
    """Draw zoom, place, mirror and colours for a batch."""
    zoom = rng.uniform(config.scale_min, config.scale_max, size=clips)
    places = rng.uniform(-1, 1, size=(clips, 2))
    mirrored = rng.random(clips) < (0.5 if config.flip else 0.0)
    more = _REDRAWS if config.crop_max_class_share < 1 else 0
    others = rng.uniform(-1, 1, size=(more, clips, 2))
    distortion = None
    if config.photometric != "none":
        frames = config.memory_length + 1
        each = 1 if config.photometric == "per_clip" else frames
        distortion = photometric.draw(clips * each, rng)
        if each == 1:
            distortion = photometric.Distortion(
                *(part.repeat_interleave(frames, 0) for part in vars(distortion).values())
            )
    return Draws(zoom, mirrored, np.concatenate([places[None], others]), distortion)


def augment(
    pixels: Tensor, labels: Tensor, config: TrialConfig, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Distort colours, then zoom, crop and mirror whole clips.

    Where the crop reaches beyond the zoomed frame there is a margin: mean colour in the image,
    ignored in the label.

    Args:
        pixels: (B, T + 1, h, w, 3) bytes.
        labels: (B, H, W) bytes.
        config: its crop_width, crop_height and crop_max_class_share.
        draws: for these B clips.

    Returns:
        images (B, T + 1, 3, c, d), normalised; labels (B, c, d) as int64.
    """
    # Outside the frame grid_sample gives 0: shifted by one, that reads as ignored, and so does
    # IGNORE_LABEL, the largest byte, which the shift takes round to 0.
    shifted = (labels[:, None] + 1).float()
    grid, crops = _crop(shifted, (pixels.shape[2], pixels.shape[3]), config, draws)
    if draws.distortion is None:
        return _move(normalise(pixels), grid), crops
    return _distorted(pixels, grid, draws.distortion), crops


def _move(images: Tensor, grid: Tensor) -> Tensor:
    """(B, T + 1, C, h, w) -> (B, T + 1, C, c, d); 0 where the crop shows no frame."""
    whole = images.flatten(1, 2)  # all frames of a clip as channels: one grid moves them all
    moved = F.grid_sample(whole, grid, mode="bilinear", align_corners=False)
    frames: Tensor = moved.unflatten(1, images.shape[1:3])
    return frames


def _distorted(pixels: Tensor, grid: Tensor, distortion: photometric.Distortion) -> Tensor:
    """Crops with their colours distorted: the crop first, there is less of it than of the frame."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1)
    moved = _move(pixels.movedim(-1, 2).float() - mean, grid) + mean
    distorted = photometric.distort(moved.flatten(0, 1), distortion).unflatten(0, moved.shape[:2])
    shown = normalise(distorted.movedim(2, -1))
    inside = (grid.abs() <= 1).all(dim=-1)  # (B, c, d); the margin stays mean colour
    return shown * inside[:, None, None]


def share_of(draws: Draws, clips: slice, frames: int) -> Draws:
    """The draws of some clips of a batch, each of so many frames."""
    distortion = draws.distortion
    if distortion is not None:
        start, stop = (clips.start * frames, clips.stop * frames)
        parts = (part[start:stop] for part in vars(distortion).values())
        distortion = photometric.Distortion(*parts)
    return Draws(draws.zoom[clips], draws.mirrored[clips], draws.places[:, clips], distortion)


def _crop(
    shifted: Tensor, size: tuple[int, int], config: TrialConfig, draws: Draws
) -> tuple[Tensor, Tensor]:
    """Grid of the crops and their labels: another place while one class fills them."""
    places = draws.places[0].copy()
    grid = _grid(size, config, draws, places, shifted.device)
    labels = _sample_labels(shifted, grid)
    for others in draws.places[1:]:
        filled = _largest_share(labels).cpu().numpy() >= config.crop_max_class_share
        if not filled.any():
            break
        places[filled] = others[filled]
        grid = _grid(size, config, draws, places, shifted.device)
        labels = _sample_labels(shifted, grid)
    return grid, labels


def _sample_labels(shifted: Tensor, grid: Tensor) -> Tensor:
    picked = F.grid_sample(shifted, grid, mode="nearest", align_corners=False)[:, 0].long() - 1
    return picked.masked_fill_(picked < 0, IGNORE_LABEL)


def _largest_share(labels: Tensor) -> Tensor:
    """(B, c, d) -> (B,) share of the most frequent class among the labelled pixels."""
    counts = torch.stack([torch.bincount(each.flatten(), minlength=256)[:255] for each in labels])
    return counts.amax(1) / counts.sum(1).clamp(min=1)


def _grid(
    size: tuple[int, int],
    config: TrialConfig,
    draws: Draws,
    places: NDArray[np.float64],
    device: torch.device,
) -> Tensor:
    """Where each pixel of the crops comes from: (B, c, d, 2)."""
    height, width = size
    crop = (config.crop_height or height, config.crop_width or width)
    # How much of the frame a crop shows, across and down; above 1 there is a margin.
    seen = np.array([crop[1] / width, crop[0] / height]) / draws.zoom[:, None]
    matrix = np.zeros((len(places), 2, 3))
    matrix[:, 0, 0] = np.where(draws.mirrored, -seen[:, 0], seen[:, 0])
    matrix[:, 1, 1] = seen[:, 1]
    matrix[:, :, 2] = places * np.abs(1 - seen)
    theta = torch.from_numpy(matrix).to(device, torch.float32)
    return F.affine_grid(theta, [len(places), 1, *crop], align_corners=False)
