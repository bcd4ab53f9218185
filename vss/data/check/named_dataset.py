"""A dataset opened by its name, without a trial. Imports no torch."""

from pathlib import Path

from vss import catalog
from vss.data.custom.description import SIZE_LIMIT, read_description
from vss.data.dataset import VideoDataset, load_dataset
from vss.errors import UserError
from vss.suggestions import require_known
from vss.trial_config import parse_settings
from vss.untrusted.limited_file import digest

# Settings that every trial needs but that do not affect which frames are listed.
_ANY_TRIAL = {
    "frame_width": 64,
    "frame_height": 64,
    "backbone": "resnet18",
    "head": "fcn",
    "memory_length": 0,
    "include_current_frame": False,
    "steps": 1,
    "batch_size": 1,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "precision": "fp32",
    "seed": 0,
}


def open_dataset(name: str, path: Path | None) -> VideoDataset:
    """List the frames of a dataset, with its options at their defaults.

    Args:
        name: its name in the catalog.
        path: its folder or, for `folder`, the YAML file that describes it.

    Raises:
        UserError: if the name is unknown, or the path is missing or not needed.
    """
    try:
        require_known("dataset", name, catalog.DATASETS)
    except ValueError as error:
        raise UserError(str(error)) from None
    row = catalog.DATASETS[name]
    options = dict(row.options)
    if name == "folder":
        options |= _described_options(path)
    elif row.needs_path and path is None:
        raise UserError(f"dataset '{name}' needs the path of its folder: add it after the name")
    elif row.needs_path and path is not None and not path.is_dir():
        raise UserError(f"no folder {path}: write the path of dataset '{name}'")
    elif not row.needs_path and path is not None:
        raise UserError(f"dataset '{name}' takes no path: remove '{path}'")
    return load_dataset(parse_settings({**_ANY_TRIAL, **options, "dataset": name}), path)


def _described_options(file: Path | None) -> dict[str, object]:
    needs = "dataset 'folder' needs the path of the YAML file that describes the data"
    if file is None:
        raise UserError(f"{needs}: add it after the name")
    if not file.is_file():
        raise UserError(f"no file {file}: {needs}")
    classes = list(read_description(file).classes)
    return {"dataset_file": digest(file, "dataset file", SIZE_LIMIT), "classes": classes}
