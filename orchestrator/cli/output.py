"""The output of commands: a console, and JSON."""

import json
import math
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    """Return a console on stdout."""
    from rich.console import Console

    return Console()


def print_json(content: Any) -> None:
    """Print a value as indented JSON, which cannot express NaN and infinity.

    NaN, which means unknown, becomes null; infinity becomes "Infinity" or "-Infinity".
    """
    typer.echo(json.dumps(_as_json(content), indent=2, default=str, allow_nan=False))


def _as_json(value: Any) -> Any:
    """Replace NaN and infinity, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _as_json(content) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(content) for content in value]
    return value
