"""Complete the settings of a cell.

A spec may omit the precision and the memory settings of image heads, and refers to files by path; a
trial states them all, and refers to files by their digest.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from orchestrator.spec.schema import CellSettings, Resources
from vss import catalog
from vss.data.custom.description import read_description
from vss.errors import UserError
from vss.runtime.environment import cpu_has_native_bf16


def complete(
    settings: CellSettings, resources: Resources, files: Mapping[str, Path]
) -> CellSettings:
    """Return the complete settings of a cell; files become digests.

    Args:
        settings: the settings as the spec states them.
        resources: the resources of a trial, which decide what precision `auto` means.
        files: the files that the settings name, as `find_files` returns them.

    Raises:
        UserError: if the settings include a seed, or a file cannot be read.
    """
    if "seed" in settings:
        raise UserError(
            f"'seed' must not be set in a cell (got {settings['seed']}): list it under 'seeds'"
        )
    completed = {"precision": "auto", **settings}
    head = catalog.HEADS.get(str(completed.get("head")))
    if head is not None and not head.uses_memory:
        completed = {"memory_length": 0, "include_current_frame": False, **completed}
    if completed["precision"] == "auto":
        bf16_is_fast = resources.gpus > 0 or cpu_has_native_bf16()
        completed["precision"] = "bf16" if bf16_is_fast else "fp32"
    if "dataset_file" in files:
        completed["classes"] = list(read_description(files["dataset_file"]).classes)
    try:
        return completed | {setting: digest(file) for setting, file in files.items()}
    except UserError as error:
        raise UserError(
            f"{error}: give a path relative to the spec; weights may also be none or imagenet"
        ) from None


def find_files(settings: CellSettings, folder: Path) -> dict[str, Path]:
    """Return the files that settings name, by setting; paths in a spec are relative to `folder`."""
    files = {}
    if settings.get("dataset") == "folder" and "dataset_file" in settings:
        files["dataset_file"] = folder / str(settings["dataset_file"])
    if settings.get("weights", "none") not in ("none", "imagenet"):
        files["weights"] = folder / str(settings["weights"])
    return files


def digest(file: Path) -> str:
    """Return the hash of a file's content, by which trials refer to the file.

    Raises:
        UserError: if the file cannot be read.
    """
    try:
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    except OSError as error:
        raise UserError(f"cannot read file {file} ({error.strerror})") from None
