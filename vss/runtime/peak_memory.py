"""Peak memory of the process or the GPU, and of tensors alone."""

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """The peak memory of this process since the object was created.

    On CUDA it is the memory allocated for tensors. On a CPU it is the resident size of the whole
    process, including Python and its libraries (about 0.5 GiB); where the system cannot reset the
    count, it is the peak since the process started.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _CLEAR_REFS.exists():
            _CLEAR_REFS.write_text("5")  # resets VmHWM of this process

    def mib(self) -> float:
        """Return the peak so far, in MiB."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        if _STATUS.exists():
            lines = _STATUS.read_text().splitlines()
            return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 1024)


class PeakTensorMemory(TorchDispatchMode):
    """The peak size of all tensors created within this context, on any device.

    It counts what the network needs, not what an allocator rounds up or reserves. The count is
    therefore the same on every machine, and also on the meta device, where nothing is computed. It
    misses memory that an operation allocates and frees before it returns.

    Attributes:
        peak_bytes: the largest total size of tensors alive at the same time.
    """

    _SWEEP_EVERY = 16  # operations from one search for freed tensors to the next

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._bytes = 0
        self._operations = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation and count the tensors that it returns."""
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._add(tensor)
        self._operations += 1
        if self._bytes > self.peak_bytes or self._operations % self._SWEEP_EVERY == 0:
            self._sweep()
            self.peak_bytes = max(self.peak_bytes, self._bytes)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        reference = StorageWeakRef(storage)
        if reference.cdata not in self._alive:
            self._alive[reference.cdata] = (reference, storage.nbytes())
            self._bytes += storage.nbytes()

    def _sweep(self) -> None:
        for key in [key for key, (reference, _) in self._alive.items() if reference.expired()]:
            self._bytes -= self._alive.pop(key)[1]
