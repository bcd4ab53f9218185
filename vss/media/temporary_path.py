"""Temporary paths for files and folders that are being written."""

from pathlib import Path


def temporary_path(path: Path) -> Path:
    """Return a hidden path next to `path` with the same extension, to be renamed once complete."""
    return path.with_name(f".{path.stem}.unfinished{path.suffix}")
