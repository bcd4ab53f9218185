"""The output of commands: a console, and JSON."""

import json
import math
import sys
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.secrecy.redaction import redact_all
from orchestrator.terminal.plain.text import neutralise
from vss.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    """Return a console on stdout."""
    from orchestrator.terminal.plain.console import PlainConsole

    return PlainConsole()


def echo(text: object, err: bool = False) -> None:
    """Print a text of any number of lines, without the control characters of strangers."""
    typer.echo(neutralise(str(text)), err=err)


def confirm(question: str, is_confirmed: bool) -> None:
    """Ask a question and exit unless the user says yes; `is_confirmed` skips it.

    Raises:
        UserError: if there is no terminal to ask on.
    """
    if is_confirmed:
        return
    check_terminal()
    typer.confirm(question, abort=True)


def check_terminal() -> None:
    """Check that there is a terminal to ask on.

    Raises:
        UserError: if there is none.
    """
    if not sys.stdin.isatty():
        raise UserError("there is no terminal to ask on: add --yes")


def print_json(content: Any) -> None:
    """Print a value as indented JSON, which cannot express NaN and infinity.

    NaN, which means unknown, becomes null; infinity becomes "Infinity" or "-Infinity".
    """
    typer.echo(json.dumps(_as_json(redact_all(content)), indent=2, default=str, allow_nan=False))


def _as_json(value: Any) -> Any:
    """Replace NaN and infinity, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _as_json(content) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(content) for content in value]
    return value
