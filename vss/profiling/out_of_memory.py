"""What is said when memory runs out: what was asked, what is there, and what would fit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vss.errors import UserError
from vss.profiling.cost import training_memory
from vss.trial_config import TrialConfig

_ROOM = 0.85  # of the memory that is there: allocators and libraries take their part
_MIB = 2**20


class OutOfMemory(UserError):
    """A training that does not fit.

    Attributes:
        may_pass: it would fit if others left; else starting it again would not help.
    """

    def __init__(self, message: str, may_pass: bool) -> None:
        super().__init__(message)
        self.may_pass = may_pass


@contextmanager
def explained(
    config: TrialConfig, device: torch.device, teacher: TrialConfig | None = None
) -> Iterator[None]:
    """Turn an allocator's error into one that says what to do.

    Raises:
        OutOfMemory: instead of PyTorch's or Python's own errors.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise advice(config, device, teacher) from error


def advice(
    config: TrialConfig, device: torch.device, teacher: TrialConfig | None = None
) -> OutOfMemory:
    """What to say; the largest batch by the estimate of `vss/profiling/cost.py`."""
    there = _there(device)
    asked = training_memory(config, teacher)
    fits = largest_batch(config, int(_ROOM * there), teacher)
    what = "GPU" if device.type == "cuda" else "machine"
    said = (
        f"out of memory: a batch_size of {config.batch_size} asks for about {asked / _MIB:,.0f} "
        f"MiB of tensors, the {what} has {there / _MIB:,.0f} MiB"
    )
    if fits >= config.batch_size:
        remedy = "other processes hold the rest: wait for them, or lower batch_size"
    elif fits == 0:
        remedy = "not even a batch_size of 1 would fit: lower the frame size or the crop"
    else:
        remedy = f"by estimate the largest batch_size that fits is {fits}"
    return OutOfMemory(f"{said}; {remedy}", may_pass=fits >= config.batch_size)


def largest_batch(config: TrialConfig, room: int, teacher: TrialConfig | None = None) -> int:
    """The largest batch whose tensors fit into so many bytes; 0 if none does.

    Beyond a few clips memory grows linearly with the batch, so two estimates tell all.
    """
    few, more = 8, 16
    low, high = (
        training_memory(config.model_copy(update={"batch_size": size}), teacher)
        for size in (few, more)
    )
    each = max(1.0, (high - low) / (more - few))
    return max(0, int((room - low) / each + few))


def _there(device: torch.device) -> int:
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
