"""Fill in what a spec may omit but a trial must state: precision, the memory settings of image
heads, file digests."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from orchestrator.spec.schema import CellSettings, Resources
from vss import catalog
from vss.data.custom.description import read_description
from vss.errors import UserError
from vss.runtime.environment import native_bf16_on_cpu


def complete(
    settings: CellSettings, resources: Resources, files: Mapping[str, Path]
) -> CellSettings:
    """Return the complete settings of a cell; files become digests.

    Args:
        settings: as the spec states them.
        resources: GPUs decide what precision `auto` means.
        files: the files that the settings name, as `named_files` returns them.

    Raises:
        UserError: if the settings hold a seed, or a file cannot be read.
    """
    if "seed" in settings:
        raise UserError(f"'seed' (it is {settings['seed']}) belongs in the list 'seeds'")
    completed = {"precision": "auto", **settings}
    head = catalog.HEADS.get(str(completed.get("head")))
    if head is not None and not head.uses_memory:
        completed = {"memory_length": 0, "include_current_frame": False, **completed}
    if completed["precision"] == "auto":
        bf16_is_fast = resources.gpus > 0 or native_bf16_on_cpu()
        completed["precision"] = "bf16" if bf16_is_fast else "fp32"
    if "dataset_file" in files:
        completed["classes"] = list(read_description(files["dataset_file"]).classes)
    return completed | {setting: digest(file) for setting, file in files.items()}


def named_files(settings: CellSettings, folder: Path) -> dict[str, Path]:
    """Return the files that settings name, by setting; their paths are relative to a folder."""
    files = {}
    if settings.get("dataset") == "folder" and "dataset_file" in settings:
        files["dataset_file"] = folder / str(settings["dataset_file"])
    if settings.get("weights", "none") not in ("none", "imagenet"):
        files["weights"] = folder / str(settings["weights"])
    return files


def digest(file: Path) -> str:
    """Return the name by which a trial refers to a file: a hash of its content.

    Raises:
        UserError: if the file cannot be read.
    """
    try:
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    except OSError as error:
        raise UserError(
            f"weights file {file} cannot be read ({error.strerror}); "
            "paths are relative to the spec; or write none or imagenet"
        ) from None
