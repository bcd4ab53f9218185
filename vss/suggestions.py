"""Messages about unknown names: the closest known name, and all known ones."""

import difflib
import itertools
from collections.abc import Mapping

from vss.untrusted.messages import excerpt_name, list_briefly

# Comparing is slow: a longer name, or one more out of so many, is not looked up.
_LONGEST_NAME, _MOST_NAMES = 100, 1000


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
    choices = f" (choose from {list_names(names)})"
    raise ValueError(f"unknown {kind} '{excerpt_name(name)}'{hint}{choices}")


def did_you_mean(name: str, names: Mapping[str, object]) -> str:
    """Return a suggestion of the closest name, to end a message with, or "" if none is close."""
    if len(name) > _LONGEST_NAME:
        return ""
    matches = difflib.get_close_matches(name, itertools.islice(names, _MOST_NAMES), n=1)
    return f": did you mean '{excerpt_name(matches[0])}'?" if matches else ""


def list_names(names: Mapping[str, object]) -> str:
    """Join names with commas, in alphabetical order; only the first ones if there are many."""
    return list_briefly(sorted(names), most=20)
