"""Predict clips in the precision of the trial, in whole frames or window by window.

Shapes: B clips, T past frames, K classes, H W image size.
"""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vss.models.layers import resize
from vss.models.segmenter import VideoSegmenter
from vss.trial_config import TrialConfig


def predict(
    model: VideoSegmenter, config: TrialConfig, images: Tensor, size: Sequence[int]
) -> Tensor:
    """Predict the logits of the last frame of each clip.

    Args:
        model: the trial's network, in eval mode.
        config: the trial; if its `window` is smaller than the frame, overlapping windows are
            predicted and their logits averaged.
        images: (B, T + 1, 3, H, W), normalised.
        size: height and width of the logits.

    Returns:
        (B, K, *size) logits.
    """
    windows = list_windows(config, *images.shape[-2:])
    with autocast(config, images.device):
        if len(windows) == 1:
            return model.predict(images, size)
        return resize(_slide(model, images, windows), size)


def list_windows(config: TrialConfig, height: int, width: int) -> list[tuple[slice, slice]]:
    """List the rows and columns of each window of a frame; all windows have the same size.

    A frame that fits into one window, or is predicted as a whole, has a single window.
    """
    if config.window == 0 or config.window >= max(height, width):
        return [(slice(0, height), slice(0, width))]
    rows, columns = (
        window_slices(length, config.window, config.window_stride) for length in (height, width)
    )
    return list(itertools.product(rows, columns))


def _slide(model: VideoSegmenter, images: Tensor, windows: Sequence[tuple[slice, slice]]) -> Tensor:
    """Average the logits of all windows that cover a pixel: (B, K, H, W)."""
    height, width = images.shape[-2:]
    total: Tensor | None = None
    counts = torch.zeros(height, width, device=images.device)
    for rows, columns in windows:
        part = images[..., rows, columns]
        logits = model.predict(part, part.shape[-2:]).float()
        if total is None:
            total = logits.new_zeros(*logits.shape[:2], height, width)
        total[..., rows, columns] += logits
        counts[rows, columns] += 1
    assert total is not None  # noqa: S101  # a frame has at least one window
    return total / counts


def window_slices(length: int, window: int, stride: int) -> Iterator[slice]:
    """Yield the windows along one side; the last one is moved back to the edge.

    >>> list(window_slices(960, 640, 512))
    [slice(0, 640, None), slice(320, 960, None)]
    """
    count = max(0, length - window + stride - 1) // stride + 1
    for number in range(count):
        stop = min(number * stride + window, length)
        yield slice(max(0, stop - window), stop)


def autocast(config: TrialConfig, device: torch.device) -> torch.autocast:
    """Return a context that runs forward passes in the precision of a trial."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")
