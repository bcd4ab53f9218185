"""What a machine has: cores, memory and GPUs. Imports no torch."""

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass

_MIB = 2**20


@dataclass(frozen=True)
class Machine:
    """What a machine has.

    Attributes:
        host: its name.
        cpus: number of cores.
        memory_mib: all of its memory.
        gpus: its GPUs by model and memory, as nvidia-smi lists them.
        gpu_memory_mib: memory of its largest GPU, or None if unknown.
    """

    host: str
    cpus: int
    memory_mib: float
    gpus: tuple[str, ...] = ()
    gpu_memory_mib: float | None = None


def describe_machine() -> Machine:
    """Return what this machine has."""
    gpus = list_gpus()
    sizes = [int(match[1]) for gpu in gpus if (match := re.search(r", (\d+) MiB$", gpu))]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        host=socket.gethostname(),
        cpus=os.cpu_count() or 1,
        memory_mib=memory / _MIB,
        gpus=tuple(gpus),
        gpu_memory_mib=float(max(sizes)) if sizes else None,
    )


def list_gpus() -> list[str]:
    """Return the GPUs of this machine by model and memory, as nvidia-smi lists them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        process = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return process.stdout.strip().splitlines()
