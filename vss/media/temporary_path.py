"""Where a file or folder is written until it is complete."""

from pathlib import Path


def temporary_path(path: Path) -> Path:
    """Return a hidden name beside `path`, with the same extension; rename it once complete."""
    return path.with_name(f".{path.stem}.unfinished{path.suffix}")
