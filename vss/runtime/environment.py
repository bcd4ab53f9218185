"""The environment of a trial, recorded next to its result and compared by reports.

Neither host nor user names are recorded, as reports are published. Importing this module does not
import torch.
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


def cpu_has_native_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 in hardware; otherwise autocast is slow."""
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & _cpu_flags())


def describe_environment(device: "torch.device", threads: int) -> dict[str, Any]:
    """Return the versions, device and code of this process, as JSON values."""
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
    """Return the model name of the GPU or of the processor."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


@functools.cache
def code_version() -> dict[str, Any]:
    """Return the git commit of this code, and whether files differ from it; None outside git."""
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {"git_commit": commit, "git_dirty": None if status is None else bool(status)}


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(_SOURCE), *arguments]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None  # not a checkout, or git is missing: reports then say "unknown"
    return process.stdout.strip()


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
