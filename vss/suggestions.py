"""Known names for a message about an unknown one."""

import difflib
from collections.abc import Mapping


def require_known(kind: str, name: str, known: Mapping[str, object]) -> str:
    """Return `name` if it is known.

    Raises:
        ValueError: naming the closest known name, and all of them.
    """
    if name in known:
        return name
    raise ValueError(
        f"unknown {kind} '{name}'{did_you_mean(name, known)}; known: {list_names(known)}"
    )


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """Suggest the closest known name, or return "" if none is close."""
    matches = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def list_names(names: Mapping[str, object]) -> str:
    """Join names in alphabetical order with commas."""
    return ", ".join(sorted(names))
