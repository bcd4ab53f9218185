"""What a trial ran on: recorded beside its result, compared by reports. Imports no torch at first.

No host and no user name is kept: reports are published.
"""

import functools
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_SOURCE = Path(__file__).resolve().parents[2]


def native_bf16_on_cpu() -> bool:
    """Whether the processor multiplies bfloat16 in hardware; without it autocast is slower."""
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & _cpu_flags())


def describe(device: "torch.device", threads: int) -> dict[str, Any]:
    """Versions, device and code of this process, as JSON values."""
    return {
        "device": device_name(device),
        "device_type": device.type,
        "threads": threads,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: _version(name) for name in ("torch", "torchvision", "numpy", "vss-orch")},
        **code_version(),
    }


def device_name(device: "torch.device") -> str:
    """The model of the GPU, or of the processor."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


@functools.cache
def code_version() -> dict[str, Any]:
    """The git commit of this source and whether files differ from it; None outside of git."""
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {"git_commit": commit, "git_dirty": None if status is None else bool(status)}


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(_SOURCE), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None  # not a checkout, or no git: the report then says "unknown"
    return done.stdout.strip()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@functools.cache
def _cpu_info() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    first = path.read_text().split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in first)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_flags() -> set[str]:
    info = _cpu_info()
    return set(f"{info.get('flags', '')} {info.get('Features', '')}".split())
