"""Advice for a trial that runs out of memory: what it needs, and which batch would fit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vss.errors import UserError
from vss.profiling.cost import estimate_training_memory
from vss.trial_config import TrialConfig

_USABLE_SHARE = 0.85  # allocators and libraries take the rest
_MIB = 2**20


class OutOfMemoryError(UserError):
    """Raised when a trial does not fit into memory.

    Attributes:
        is_transient: whether it would fit once other processes end; if not, retrying is useless.
    """

    def __init__(self, message: str, is_transient: bool) -> None:
        super().__init__(message)
        self.is_transient = is_transient


@contextmanager
def explain_out_of_memory(
    config: TrialConfig, device: torch.device, teacher: TrialConfig | None = None
) -> Iterator[None]:
    """Return a context that turns an allocator's error into one that says what to do.

    Raises:
        OutOfMemoryError: instead of PyTorch's or Python's own errors.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise _build_error(config, device, teacher) from error


def _build_error(
    config: TrialConfig, device: torch.device, teacher: TrialConfig | None
) -> OutOfMemoryError:
    """Build the error, with the largest batch that fits by the estimate of `cost.py`."""
    total_bytes = _total_bytes(device)
    needed_bytes = estimate_training_memory(config, teacher)
    largest_batch = find_largest_batch(config, int(_USABLE_SHARE * total_bytes), teacher)
    machine = "GPU" if device.type == "cuda" else "machine"
    problem = (
        f"out of memory: a batch_size of {config.batch_size} needs about "
        f"{needed_bytes / _MIB:,.0f} MiB for tensors, and the {machine} has "
        f"{total_bytes / _MIB:,.0f} MiB"
    )
    is_transient = largest_batch >= config.batch_size
    if is_transient:
        remedy = "other processes use the rest: wait for them to end, or lower batch_size"
    elif largest_batch == 0:
        remedy = "not even a batch_size of 1 would fit: lower the frame size or the crop"
    else:
        remedy = f"lower batch_size to {largest_batch}, the largest that fits by estimate"
    return OutOfMemoryError(f"{problem}; {remedy}", is_transient)


def find_largest_batch(
    config: TrialConfig, max_bytes: int, teacher: TrialConfig | None = None
) -> int:
    """Return the size of the largest batch whose tensors fit into `max_bytes`, or 0.

    Beyond a few clips the peak grows linearly with the batch, so two estimates suffice.
    """
    small, large = 8, 16
    small_bytes, large_bytes = (
        estimate_training_memory(config.model_copy(update={"batch_size": size}), teacher)
        for size in (small, large)
    )
    bytes_per_clip = max(1.0, (large_bytes - small_bytes) / (large - small))
    return max(0, int((max_bytes - small_bytes) / bytes_per_clip + small))


def _total_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error)
    return (
        isinstance(error, MemoryError | torch.OutOfMemoryError)
        or "not enough memory" in text
        or "can't allocate memory" in text
    )
