"""Checks of this machine: versions, GPU, memory, disk and ports."""

import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from orchestrator.execution.nodes.machine import list_gpus
from orchestrator.health.finding import Finding, Level
from orchestrator.settings import Settings
from orchestrator.tracking.ui_server import find_free_port
from vss.errors import UserError

_SHOWN = ("torch", "ray", "mlflow")
_GIB = 2**30
_MEMORY_GIB = (2, 6)  # below: a problem, a warning; Ray and MLflow alone take almost 2
_DISK_GIB = (1, 10)
_PORTS = {"ui": 5000, "Ray's dashboard": 8265}
_INSTALL = "pip install --upgrade vss-orch"


def check_versions() -> Finding:
    """Check that every library that vss-orch requires is installed, and new enough."""
    faults = list(_version_faults())
    if faults:
        return Finding("versions", Level.PROBLEM, "; ".join(faults), _INSTALL)
    names = ("vss-orch", *_SHOWN)
    return Finding(
        "versions", Level.OK, ", ".join(f"{name} {metadata.version(name)}" for name in names)
    )


def _version_faults() -> Iterator[str]:
    for requirement in metadata.requires("vss-orch") or ():
        match = re.fullmatch(r"([\w.-]+)(?:\[[^]]*\])?>=([\d.]+)", requirement.replace(" ", ""))
        if match is None:
            continue  # of an extra
        name, minimum = match.groups()
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} is not installed"
            continue
        if _release(installed) < _release(minimum):
            yield f"{name} {installed} is older than {minimum}"


def _release(version: str) -> list[int]:
    """Return the numbers of a version, without local or pre-release labels."""
    match = re.match(r"\d+(\.\d+)*", version)
    return [int(number) for number in match[0].split(".")] if match else []


def check_gpu() -> Finding:
    """Check that PyTorch can use the GPUs that the driver lists."""
    names = list_gpus()
    if not names:
        return Finding("GPU", Level.OK, "none: trials run on the processor")
    import torch

    if not torch.cuda.is_available():
        return Finding(
            "GPU",
            Level.PROBLEM,
            f"{', '.join(names)}: PyTorch {torch.__version__} cannot use it",
            "install a build of PyTorch for the CUDA version that nvidia-smi shows",
        )
    return Finding("GPU", Level.OK, ", ".join(names))


def check_memory(meminfo: Path = Path("/proc/meminfo")) -> Finding:
    """Check the memory that new processes can use."""
    if not meminfo.is_file():
        return Finding("memory", Level.OK, "unknown on this system")
    lines = (line.split() for line in meminfo.read_text().splitlines())
    kib = {line[0].rstrip(":"): int(line[1]) for line in lines}
    available, total = kib["MemAvailable"] * 1024 / _GIB, kib["MemTotal"] * 1024 / _GIB
    text = f"{available:.1f} of {total:.1f} GiB available"
    return _judge("memory", text, available, _MEMORY_GIB, "end other programs, or run fewer trials")


def check_disk(settings: Settings) -> list[Finding]:
    """Check the room on the disks of VSS_HOME, VSS_STORAGE and VSS_CACHE."""
    storage = settings.storage.folder or settings.home
    folders = {find_existing(folder) for folder in (settings.home, storage, settings.cache)}
    by_device = {folder.stat().st_dev: folder for folder in sorted(folders, reverse=True)}
    findings = []
    for folder in by_device.values():
        free = shutil.disk_usage(folder).free / _GIB
        text = f"{free:.1f} GiB free in {folder}"
        remedy = "vss-orch clean, or move VSS_HOME, VSS_STORAGE or VSS_CACHE to another disk"
        findings.append(_judge("disk", text, free, _DISK_GIB, remedy))
    return findings


def check_ports() -> list[Finding]:
    """Check that a port is free for each service that a user opens in a browser."""
    findings = []
    for service, first in _PORTS.items():
        try:
            port = find_free_port(first)
        except UserError:
            text = f"{first} to {first + 99} are in use, so {service} has none"
            remedy = f"end what listens on {first}"
            findings.append(Finding("ports", Level.PROBLEM, text, remedy))
        else:
            text = f"{port} is free for {service}"
            text += f" ({first} is in use)" if port > first else ""
            findings.append(Finding("ports", Level.OK, text))
    return findings


def find_existing(path: Path) -> Path:
    """Return the path if it exists, else its closest parent that does."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _judge(
    subject: str, text: str, amount: float, bounds: tuple[float, float], remedy: str
) -> Finding:
    problem, warning = bounds
    if amount < problem:
        return Finding(subject, Level.PROBLEM, text, remedy)
    if amount < warning:
        return Finding(subject, Level.WARNING, text, remedy)
    return Finding(subject, Level.OK, text)
