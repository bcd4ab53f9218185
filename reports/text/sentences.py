"""Pieces of sentences: names, lists, and verbs that agree with them."""

from collections.abc import Sequence

from reports.text.format import escape


def bold(cell: str) -> str:
    """Write the name of a cell in bold, as sentences do."""
    return f"**{escape(cell)}**"


def join(names: Sequence[str], limit: int = 3) -> str:
    """Join names as in a sentence: a, b and c; above the limit: a, b, c and 4 more."""
    if len(names) > limit + 1:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def verb(subjects: Sequence[object], singular: str, plural: str) -> str:
    """Choose the singular or the plural form of a verb."""
    return singular if len(subjects) == 1 else plural
