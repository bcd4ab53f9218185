"""Complete the settings of a cell.

A spec may omit the precision and the memory settings of image heads, and names files by path; a
trial states them all, and refers to files by their digest.
"""

from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.spec.schema import CellSettings, Resources
from orchestrator.spec.sources.initial_weights import names_a_cell
from vss import catalog
from vss.data.custom.description import SIZE_LIMIT, read_description
from vss.errors import UserError
from vss.runtime.environment import cpu_has_native_bf16
from vss.untrusted.limited_file import digest
from vss.untrusted.messages import excerpt
from vss.untrusted.weights_file import digest_weights


def complete(settings: CellSettings, resources: Resources) -> CellSettings:
    """Return the complete settings of a cell: the precision, and the memory of image heads.

    Args:
        settings: the settings as the spec states them.
        resources: the resources of a trial, which decide what precision `auto` means.
    """
    completed = {"precision": "auto", **settings}
    head = catalog.HEADS.get(str(completed.get("head")))
    if head is not None and not head.uses_memory:
        completed = {"memory_length": 0, "include_current_frame": False, **completed}
    if completed["precision"] == "auto":
        bf16_is_fast = resources.gpus > 0 or cpu_has_native_bf16()
        completed["precision"] = "bf16" if bf16_is_fast else "fp32"
    return completed


class NamedFiles:
    """The files of one spec, whose paths are relative to its folder.

    Attributes:
        by_digest: digest -> the file with that content, of all files that settings have named.
        data_folders: the folders that the named descriptions of datasets describe.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder that paths are relative to."""
        self._folder = folder
        self.by_digest: dict[str, Path] = {}
        self.data_folders: set[Path] = set()
        self._weights = cache(self._read_weights)  # many cells name the same file
        self._description = cache(self._read_description)

    def replace(self, settings: CellSettings) -> CellSettings:
        """Return the settings with each path replaced by what trials refer to it by.

        Raises:
            UserError: if a file cannot be read, or is not what it is taken for.
        """
        replaced: CellSettings = {}
        if settings.get("dataset") == "folder" and "dataset_file" in settings:
            path = _require_path("dataset_file", settings["dataset_file"])
            replaced["dataset_file"], replaced["classes"] = self._description(path)
        weights = settings.get("weights", "none")
        if weights not in ("none", "imagenet") and not names_a_cell("weights", weights):
            replaced["weights"] = self._weights(_require_path("weights", weights))
        return {**settings, **replaced}

    def _read_weights(self, path: str) -> str:
        file = self._folder / path
        try:
            content = digest_weights(file)
        except UserError as error:
            raise UserError(
                f"{error} (paths are relative to the spec; else none, imagenet or {{cell: NAME}})"
            ) from None
        self.by_digest[content] = file.resolve()
        return content

    def _read_description(self, path: str) -> tuple[str, list[str]]:
        file = self._folder / path
        description = read_description(file)
        content = digest(file, "dataset file", SIZE_LIMIT)
        self.by_digest[content] = file.resolve()
        self.data_folders.add((file.resolve().parent / description.root).resolve())
        return content, list(description.classes)


def _require_path(setting: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"'{setting}' must be the path of a file (got {excerpt(value)})")
    return value
