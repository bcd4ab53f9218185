"""How a spec that extends another one changes it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FILE_SETTINGS = ("weights", "dataset_file")
_NO_FILES = ("none", "imagenet")


def merge(extended: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec's content with changes: mappings key by key, anything else as a whole.

    A null removes the key: the setting gets its default, the cell is left out.
    """
    merged = dict(extended)
    for key, value in changes.items():
        earlier = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge(earlier if isinstance(earlier, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def move_paths(content: Any, old_folder: Path, new_folder: Path) -> Any:
    """Return a spec's content with the paths of files relative to another folder than before."""
    if isinstance(content, list):
        return [move_paths(each, old_folder, new_folder) for each in content]
    if not isinstance(content, dict):
        return content
    return {
        key: _move(value, old_folder, new_folder)
        if key in _FILE_SETTINGS and not isinstance(value, dict)
        else move_paths(value, old_folder, new_folder)
        for key, value in content.items()
    }


def _move(value: Any, old_folder: Path, new_folder: Path) -> Any:
    """Move the path of a file, or a list of them as in a grid."""
    if isinstance(value, list):
        return [_move(each, old_folder, new_folder) for each in value]
    if not isinstance(value, str) or value in _NO_FILES:
        return move_paths(value, old_folder, new_folder)
    return os.path.relpath(old_folder / value, new_folder)
