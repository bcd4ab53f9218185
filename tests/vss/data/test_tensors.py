"""Clips as tensors."""

import numpy as np
import torch

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.dataset import Frame
from vss.data.tensors import load_clips


def test_frames_are_oldest_first_and_normalised() -> None:
    images = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (0, 124)])
    frames = tuple(Frame("train", "s", n, "i", "l") for n in range(2))
    video = DecodedVideo(frames, images, np.zeros((2, 4, 4), np.uint8), np.arange(2))

    batch, _ = load_clips(video, [Clip(1, (0,))], torch.device("cpu"))

    assert batch.shape == (1, 2, 3, 4, 4)
    torch.testing.assert_close(batch[0, 0, 0, 0, 0], torch.tensor(-123.675 / 58.395))
    torch.testing.assert_close(batch[0, 1, 0, 0, 0], torch.tensor((124 - 123.675) / 58.395))
