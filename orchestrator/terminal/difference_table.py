"""What differs between two specs or two trials, as a table on a terminal."""

import json
from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table


def build_difference_table(
    rows: Iterable[tuple[str, str, Any, Any]], first: str, second: str
) -> Table:
    """Return a table with one row per difference.

    Args:
        rows: what each belongs to, its name, and its values on both sides; None where one side
            lacks it.
        first, second: the names of the sides, for the headings.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("in", "name", first, second):
        table.add_column(heading, overflow="fold")
    for subject, name, *values in rows:
        table.add_row(subject, name, *map(_show, values))
    return table


def _show(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
