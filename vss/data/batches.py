"""The batches of a training run, in an order that depends only on the seed and the step."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vss.data.augmentation.transforms import augment, draw_augmentation, take_share
from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.tensors import copy_to_device, read_clips
from vss.trial_config import TrialConfig


class Batches:
    """The augmented batches of a training run, one per step.

    Every epoch goes through all clips in an order of its own. On a GPU the next batch is read from
    the cache while the device works on the current one, and batches are augmented on the device.

    Args:
        config: the trial.
        video: the decoded frames.
        clips: the clips of the training split.
        device: the device that batches are moved to.
        share: the positions in a batch that this process trains on.

    Attributes:
        count: the number of batches returned so far.
        wait_seconds: how long they were waited for, in total.
    """

    def __init__(
        self,
        config: TrialConfig,
        video: DecodedVideo,
        clips: Sequence[Clip],
        device: torch.device,
        share: slice,
    ) -> None:
        self._config, self._video, self._clips = config, video, clips
        self._device, self._share = device, share
        self._pool = ThreadPoolExecutor(1) if device.type == "cuda" else None
        self._prefetched: dict[int, Future[tuple[Tensor, Tensor]]] = {}
        self.count = 0
        self.wait_seconds = 0.0

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return a step's images (B, T + 1, 3, c, d), normalised, and labels (B, c, d)."""
        start = time.perf_counter()
        prefetched = self._prefetched.pop(step, None)
        batch = prefetched.result() if prefetched else self._read(step)
        self.count += 1
        self.wait_seconds += time.perf_counter() - start
        pixels, labels = (copy_to_device(part, self._device) for part in batch)
        if self._pool is not None:
            self._prefetched[step + 1] = self._pool.submit(self._read, step + 1)
        rng = np.random.default_rng([self._config.seed, step, 2])
        draws = draw_augmentation(self._config, self._config.batch_size, rng)
        frames = self._config.memory_length + 1
        return augment(pixels, labels, self._config, take_share(draws, self._share, frames))

    def _read(self, step: int) -> tuple[Tensor, Tensor]:
        positions = range(step * self._config.batch_size, (step + 1) * self._config.batch_size)
        count = len(self._clips)
        orders = {epoch: self._order(epoch) for epoch in {p // count for p in positions}}
        batch = [self._clips[orders[p // count][p % count]] for p in positions]
        return read_clips(self._video, batch[self._share])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self._config.seed, epoch, 1]).permutation(len(self._clips))
