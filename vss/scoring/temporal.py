"""The temporal consistency of predictions, if labelled frames are close enough to measure it.

Source: VC-k, Miao et al. 2021 (VSPW): in windows of k consecutive frames, the fraction of pixels
with a constant label whose prediction is constant, too. Differences from the published script: all
len - k + 1 windows count (it omits one); unlabelled pixels are ignored (it counts them as a class
like any other); videos shorter than k are ignored only for that k. As published, a prediction must
be constant but need not be correct; `vc8_correct` requires both.
Flicker needs no labels: it is the fraction of pixels whose predicted class changes from one frame
to the next.

Shapes: H W size of the labels.
"""

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from vss.data.dataset import Frame

WINDOWS = (8, 16)  # frames
MAX_SPACING = 3  # video frames from one scored frame to the next; beyond, changes are motion


class Consistency:
    """The consistency of a growing list of frames, of which only the last one is stored."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._values: dict[str, list[float]] = defaultdict(list)
        self._last_frame: Frame | None = None
        self._spacing: int | None = None
        self._frames_since_gap = 0
        empty = torch.empty(0)
        self._prediction: Tensor = empty
        self._label: Tensor = empty
        # The number of frames since each pixel's label, prediction or correctness last changed.
        self._label_run: Tensor = empty
        self._prediction_run: Tensor = empty
        self._correct_run: Tensor = empty

    def add(self, frame: Frame, prediction: Tensor, label: Tensor) -> None:
        """Add the next frame.

        Args:
            frame: the frame, whose sequence and number give its position in the video.
            prediction: (H, W) class indices.
            label: (H, W) label values; those beyond the classes are ignored.
        """
        is_scored = label < self._num_classes
        if self._follows(frame):
            has_changed = prediction != self._prediction
            self._values["flicker"].append(has_changed.float().mean().item())
            same_label = is_scored & (label == self._label)
            self._label_run = torch.where(same_label, self._label_run + 1, is_scored.short())
            self._prediction_run = torch.where(has_changed, 1, self._prediction_run + 1).short()
            correct = is_scored & (prediction == label)
            self._correct_run = torch.where(
                correct & same_label, self._correct_run + 1, correct.short()
            )
        else:
            self._label_run = is_scored.short()
            self._prediction_run = torch.ones_like(self._label_run)
            self._correct_run = (is_scored & (prediction == label)).short()
            self._frames_since_gap = 0
        self._frames_since_gap += 1
        self._prediction, self._label, self._last_frame = prediction, label, frame
        for length in WINDOWS:
            self._close_window(length)

    def metrics(self) -> dict[str, float]:
        """Return the means over all windows and all pairs of neighbours, if there are any."""
        return {name: float(np.mean(values)) for name, values in self._values.items()}

    def _follows(self, frame: Frame) -> bool:
        """Return whether a frame continues the last one's video at the same spacing."""
        last = self._last_frame
        if last is None or frame.sequence != last.sequence:
            self._spacing = None
            return False
        gap = frame.number - last.number
        continues = 0 < gap <= MAX_SPACING and self._spacing in (None, gap)
        self._spacing = gap if continues else None
        return continues

    def _close_window(self, length: int) -> None:
        if self._frames_since_gap < length:
            return
        constant = self._label_run >= length
        pixels = int(constant.sum())
        if pixels:
            consistent = int((constant & (self._prediction_run >= length)).sum())
            correct = int((constant & (self._correct_run >= length)).sum())
            self._values[f"vc{length}"].append(consistent / pixels)
            self._values[f"vc{length}_correct"].append(correct / pixels)
