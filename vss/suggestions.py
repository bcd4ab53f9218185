"""Messages about unknown names: the closest known one, and all of them."""

import difflib
from collections.abc import Mapping


def require_known(kind: str, name: str, names: Mapping[str, object]) -> str:
    """Return `name` if it is one of `names`.

    Args:
        kind: what is named, for the message.
        name: to look up.
        names: all known names.

    Raises:
        ValueError: naming the closest known name, and all of them.
    """
    if name in names:
        return name
    raise ValueError(
        f"unknown {kind} '{name}'{did_you_mean(name, names)}; known: {list_names(names)}"
    )


def did_you_mean(name: str, names: Mapping[str, object]) -> str:
    """Suggest the closest of `names`, or return "" if none is close."""
    matches = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def list_names(names: Mapping[str, object]) -> str:
    """Join names in alphabetical order with commas."""
    return ", ".join(sorted(names))
