"""The most memory that was in use at once."""

import resource
import sys
from pathlib import Path

import torch

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Counts from its creation on.

    On CUDA: what tensors held. On a CPU: the resident size of the whole process, Python and
    libraries (about 0.5 GiB) included; where Linux cannot reset the count, since its start.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _CLEAR.exists():
            _CLEAR.write_text("5")  # resets VmHWM of this process

    def mib(self) -> float:
        """The peak so far, in MiB."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        if _STATUS.exists():
            lines = _STATUS.read_text().splitlines()
            return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 1024)
