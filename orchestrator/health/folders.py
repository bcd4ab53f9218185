"""Checks of folders: the trial directories, and the data."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orchestrator.health.finding import Finding, Level
from orchestrator.health.machine import find_existing
from orchestrator.settings import Settings
from vss import catalog
from vss.errors import UserError

_NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "lustre", "beegfs", "fuse.sshfs", "gpfs")


def check_storage(settings: Settings) -> Finding:
    """Check that trial directories can be written."""
    if settings.storage.folder is not None:
        return check_writable("storage", settings.storage.folder, "VSS_STORAGE")
    try:
        settings.storage.check_writable()
    except (OSError, UserError) as error:
        remedy = "check VSS_STORAGE and the credentials of its service"
        return Finding("storage", Level.PROBLEM, str(error), remedy)
    return Finding("storage", Level.OK, f"{settings.storage} can be written")


def check_data(settings: Settings, paths: Mapping[str, Path]) -> list[Finding]:
    """Check that the folder of each dataset can be read.

    Args:
        settings: VSS_DATA, whose subfolders are checked.
        paths: dataset -> folder, from the command line.
    """
    findings = [_check_dataset(name, path) for name, path in paths.items()]
    if settings.data is None:
        if not paths:
            text = "VSS_DATA is not set: only synthetic needs no --data NAME=PATH"
            findings.append(Finding("data", Level.OK, text))
        return findings
    if not settings.data.is_dir():
        text = f"VSS_DATA={settings.data} is not a folder"
        remedy = "set it to a folder with one subfolder per dataset"
        return [*findings, Finding("data", Level.PROBLEM, text, remedy)]
    names = [name for name, row in catalog.DATASETS.items() if row.needs_path]
    datasets = [name for name in names if (settings.data / name).exists() and name not in paths]
    findings += [_check_dataset(name, settings.data / name) for name in datasets]
    if not datasets:
        text = f"{settings.data} has no dataset ({', '.join(names)})"
        remedy = (
            f"name each subfolder of VSS_DATA after its dataset, such as {settings.data}/camvid"
        )
        findings.append(Finding("data", Level.WARNING, text, remedy))
    return findings


def _check_dataset(name: str, path: Path) -> Finding:
    remedy = "give the folder of the dataset, readable for your user"
    if not path.is_dir():
        return Finding("data", Level.PROBLEM, f"{name}: {path} is not a folder", remedy)
    if not os.access(path, os.R_OK | os.X_OK):
        return Finding("data", Level.PROBLEM, f"{name}: {path} cannot be read", remedy)
    return Finding(
        "data", Level.OK, f"{name} in {path}; vss-orch data check {name} reads all files"
    )


def check_writable(subject: str, folder: Path, variable: str) -> Finding:
    """Check that files can be written into a folder, or that it can be created."""
    existing = find_existing(folder)
    remedy = f"set {variable} to a folder that you may write to"
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        text = f"cannot write to {folder}: {error.strerror}"
        return Finding(subject, Level.PROBLEM, text, remedy)
    return Finding(subject, Level.OK, f"{folder}{'' if existing == folder else ' will be created'}")


def find_network_file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """Return the type of the network file system that a path is on; None if it is on none."""
    if not mounts.is_file():
        return None
    types = {Path(line.split()[1]): line.split()[2] for line in mounts.read_text().splitlines()}
    mount = next((folder for folder in (path, *path.parents) if folder in types), None)
    kind = types[mount] if mount is not None else ""
    return kind if kind.startswith(_NETWORK_FILE_SYSTEMS) else None
