"""Run a network on a video frame by frame, caching everything about the past that can be cached.

A clip of T + 1 frames costs T + 1 encodings; here each frame is encoded once. Its features are kept
until the last prediction that reads them; if the head's slots share their projections, the
projected (and pooled) keys and values are kept instead. The logits equal those of the clip.
Shapes: B parallel videos, K classes, H W image size, h w feature map.
"""

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from vss.models.backbones import Features
from vss.models.layers import resize
from vss.models.segmenter import VideoSegmenter


class Stream:
    """A network that predicts the frames of a video in order.

    The memory of a frame consists of the frames 1, 2, ... times `frame_stride` before it. At the
    start of the video, the oldest available one (or the frame itself) replaces the missing ones, as
    in `vss/data/clips.py`.

    Args:
        model: the network, in eval mode.
        frame_stride: frames from one memory frame to the next; the number of stored frames is
            proportional to it.

    Raises:
        ValueError: if the model is in training mode, as predictions would depend on the whole
            batch.
    """

    def __init__(self, model: VideoSegmenter, frame_stride: int = 1) -> None:
        _check_eval_mode(model)
        if frame_stride < 1:
            raise ValueError(f"frame_stride must be 1 or more (got {frame_stride})")
        self._model = model
        self._stride = frame_stride
        self._past: deque[tuple[Tensor, ...]] = deque(maxlen=model.memory_length * frame_stride)
        self._shape: torch.Size | None = None

    @torch.inference_mode()
    def step(self, frame: Tensor) -> Tensor:
        """Segment the next frame.

        A frame that raises an error leaves the stream unchanged.

        Args:
            frame: (B, 3, H, W), normalised.

        Returns:
            (B, K, h, w) logits at feature size.

        Raises:
            ValueError: if the frame's shape differs from that of earlier frames, if the frame is
                not finite and would corrupt the memory of later frames, or if the model has been
                put into training mode.
        """
        _check_eval_mode(self._model)
        if self._shape is not None and frame.shape != self._shape:
            raise ValueError(
                f"the stream started with frames of shape {tuple(self._shape)}, but this frame has "
                f"shape {tuple(frame.shape)}: start a new Stream"
            )
        if not frame.isfinite().all():
            count = int((~frame.isfinite()).sum())
            raise ValueError(f"{count} of {frame.numel()} values of the frame are not finite")
        logits, memory_tensors = self._segment(frame)
        # Nothing can fail from here on.
        self._shape = frame.shape
        self._past.append(memory_tensors)
        return logits

    def _segment(self, frame: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the logits of a frame, and what the memory keeps of it."""
        model = self._model
        current = Features(*model.encode(frame.unsqueeze(1)))
        if model.memory_slots == 0:
            return _prediction(model.head(current)), ()
        memory_tensors = model.remember(current)
        all_strides = range(model.memory_length, 0, -1)
        slots = [self._slot(strides, memory_tensors) for strides in all_strides]
        if model.include_current_frame:
            slots.append(memory_tensors)
        memory = tuple(_stack(parts) for parts in zip(*slots, strict=True))
        return _prediction(model.head(current, memory)), memory_tensors

    def _slot(self, strides: int, current: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the tensors of the frame `strides` ago, or of the oldest available one."""
        available_strides = min(strides, len(self._past) // self._stride)
        return self._past[-available_strides * self._stride] if available_strides else current

    def predict(self, frame: Tensor, size: Sequence[int]) -> Tensor:
        """Segment the next frame and resize the logits: (B, K, *size)."""
        return resize(self.step(frame), size)


def _check_eval_mode(model: VideoSegmenter) -> None:
    if model.training:
        raise ValueError("a stream needs a model in eval mode: call model.eval() first")


def _stack(slots: Sequence[Tensor]) -> Tensor:
    """Stack N tensors (B, ...) to (B, N, ...), keeping feature maps channels last."""
    if slots[0].dim() != 4:
        return torch.stack(tuple(slots), dim=1)
    # They are stacked as they are stored; otherwise every use of a slot would reorder it.
    return torch.stack([x.permute(0, 2, 3, 1) for x in slots], dim=1).permute(0, 1, 4, 2, 3)


def _prediction(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    return outputs[0] if isinstance(outputs, tuple) else outputs
