"""Leftovers in the storage as a table on a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from orchestrator.upkeep.cleaning import Leftover


def build_leftover_table(leftovers: Sequence["Leftover"]) -> Table:
    """Return a table of directories with their size and the state of their trial."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("directory")
    table.add_column("state")
    table.add_column("MB", justify="right")
    table.add_column("last change")
    for item in leftovers:
        state = item.trial.state if item.trial else "not in the ledger"
        last_change = datetime.fromtimestamp(item.changed_at).strftime("%Y-%m-%d %H:%M")
        table.add_row(item.trial_id, state, format_megabytes(item.size_bytes), last_change)
    return table


def format_megabytes(size_bytes: int) -> str:
    """Return a size in megabytes, with one decimal."""
    return f"{size_bytes / 1e6:.1f}"
