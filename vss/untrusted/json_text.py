"""JSON files that may be damaged or hostile."""

import json
from pathlib import Path
from typing import Any

from vss.errors import UserError
from vss.untrusted.limited_file import MIB, name_of, read_text

_LIMIT = 16 * MIB


def read_json(path: Path, kind: str, limit: int = _LIMIT) -> Any:
    """Return the content of a JSON file.

    Args:
        path: the file.
        kind: what it is, for messages: "trial file".
        limit: the largest size in bytes.

    Raises:
        UserError: if it cannot be read, or is not JSON; nothing of its content is repeated.
    """
    text = read_text(path, kind, limit)
    try:
        return parse_json(text)
    except UserError as error:
        raise UserError(f"{kind} {name_of(path)} is {error}") from None


def parse_json(text: str) -> Any:
    """Return the content of a JSON text.

    Raises:
        UserError: "not valid JSON: ...", with the position but without its content.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"{error.msg} (line {error.lineno}, column {error.colno})"
    except RecursionError:
        problem = "it is nested too deeply"
    except ValueError:
        problem = "it contains a number that is too long"
    raise UserError(f"not valid JSON: {problem}")


def read_object(path: Path, kind: str, limit: int = _LIMIT) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object; otherwise like `read_json`."""
    content = read_json(path, kind, limit)
    if not isinstance(content, dict):
        raise UserError(f"{kind} {name_of(path)} is not a JSON object")
    return content
