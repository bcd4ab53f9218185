"""Messages about unknown names: the closest known name, and all known ones."""

import difflib
from collections.abc import Mapping


def require_known(kind: str, name: str, names: Mapping[str, object]) -> str:
    """Return `name` if it is one of `names`.

    Args:
        kind: the kind of thing that has the name, for the message.
        name: the name to look up.
        names: all known names.

    Raises:
        ValueError: naming the closest known name, and all of them.
    """
    if name in names:
        return name
    hint = did_you_mean(name, names)
    raise ValueError(f"unknown {kind} '{name}'{hint} (choose from {list_names(names)})")


def did_you_mean(name: str, names: Mapping[str, object]) -> str:
    """Return a suggestion of the closest name, to end a message with, or "" if none is close."""
    matches = difflib.get_close_matches(name, names, n=1)
    return f": did you mean '{matches[0]}'?" if matches else ""


def list_names(names: Mapping[str, object]) -> str:
    """Join names with commas, in alphabetical order."""
    return ", ".join(sorted(names))
