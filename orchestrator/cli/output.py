"""Output helpers for commands."""

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    """Return a console on stdout."""
    from rich.console import Console

    return Console()


def print_json(content: Any) -> None:
    """Print a value as indented JSON."""
    typer.echo(json.dumps(content, indent=2, default=str))
