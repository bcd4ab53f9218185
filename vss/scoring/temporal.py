"""How steady predictions are over time, where labelled frames lie densely enough to say.

Source: VC-k, Miao et al. 2021 (VSPW). Over windows of k consecutive frames: of the pixels whose
label stays the same, the share whose prediction stays the same too. Differs from the published
script: all len - k + 1 windows count (theirs are one short), unlabelled pixels are left out (theirs
count as an agreeing class), videos shorter than k are left out for that k alone. As published, a
prediction need only be constant, not right; `vc8_correct` asks for both.
Flicker needs no label: the share of pixels whose predicted class changes from frame to frame.

Shapes: H W size of the labels.
"""

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from vss.data.dataset import Frame

WINDOWS = (8, 16)  # frames
DENSE = 3  # video frames between two scored ones at most: beyond, change is motion, not flicker


class Consistency:
    """Takes scored frames in order; keeps no more than one of them."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._values: dict[str, list[float]] = defaultdict(list)
        self._last: Frame | None = None
        self._spacing: int | None = None
        self._frames = 0  # of the video so far, without a gap
        nothing = torch.empty(0)
        self._prediction: Tensor = nothing
        self._label: Tensor = nothing
        # For how many frames the label, prediction and right prediction of a pixel has stayed.
        self._label_run: Tensor = nothing
        self._run: Tensor = nothing
        self._right_run: Tensor = nothing

    def add(self, frame: Frame, prediction: Tensor, label: Tensor) -> None:
        """Take the next frame.

        Args:
            frame: which one it is.
            prediction: (H, W) class indices.
            label: (H, W); values that are no class are left out.
        """
        scored = label < self._num_classes
        if self._follows(frame):
            changed = prediction != self._prediction
            self._values["flicker"].append(changed.float().mean().item())
            still = scored & (label == self._label)
            self._label_run = torch.where(still, self._label_run + 1, scored.short())
            self._run = torch.where(changed, 1, self._run + 1).short()
            right = scored & (prediction == label)
            self._right_run = torch.where(right & still, self._right_run + 1, right.short())
        else:
            self._label_run = scored.short()
            self._run = torch.ones_like(self._label_run)
            self._right_run = (scored & (prediction == label)).short()
            self._frames = 0
        self._frames += 1
        self._prediction, self._label, self._last = prediction, label, frame
        for length in WINDOWS:
            self._close_window(length)

    def metrics(self) -> dict[str, float]:
        """Means over all windows, and over all pairs of neighbours; what has none is left out."""
        return {name: float(np.mean(values)) for name, values in self._values.items()}

    def _follows(self, frame: Frame) -> bool:
        """Whether a frame goes on with the video of the last one, at the spacing so far."""
        last = self._last
        if last is None or frame.sequence != last.sequence:
            self._spacing = None
            return False
        gap = frame.number - last.number
        steady = 0 < gap <= DENSE and self._spacing in (None, gap)
        self._spacing = gap if steady else None
        return steady

    def _close_window(self, length: int) -> None:
        if self._frames < length:
            return
        still = self._label_run >= length
        pixels = int(still.sum())
        if pixels:
            steady = int((still & (self._run >= length)).sum())
            right = int((still & (self._right_run >= length)).sum())
            self._values[f"vc{length}"].append(steady / pixels)
            self._values[f"vc{length}_correct"].append(right / pixels)
