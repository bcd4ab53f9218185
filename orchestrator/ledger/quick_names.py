"""The names in a ledger, for completion in a shell: read fast, without creating or migrating it.

An SQLite ledger is read with Python's own module, as importing SQLAlchemy takes longer than the
query.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

_EXPERIMENTS = "SELECT name FROM experiments ORDER BY name"
_CELLS = (
    "SELECT cell, seed FROM members WHERE experiment = :experiment "
    "GROUP BY cell, seed ORDER BY MIN(position)"
)
_TIMEOUT_SECONDS = 2
_SQLITE = "sqlite:///"


def read_experiment_names(url: str) -> list[str]:
    """Return the names of all experiments, in alphabetical order; may raise any error."""
    return [name for (name,) in _query(url, _EXPERIMENTS, {})]


def read_cell_seeds(url: str, experiment: str) -> dict[str, list[int]]:
    """Return the seeds of each cell of an experiment, as its spec orders them; may raise any error.

    An unknown experiment has no cells.
    """
    seeds: dict[str, list[int]] = {}
    for cell, seed in _query(url, _CELLS, {"experiment": experiment}):
        seeds.setdefault(cell, []).append(seed)
    return seeds


def _query(url: str, query: str, values: Mapping[str, Any]) -> list[Any]:
    if url.startswith(_SQLITE):
        # Only this mode fails where there is no file instead of creating one.
        address = f"file:{quote(url.removeprefix(_SQLITE))}?mode=ro"
        with closing(sqlite3.connect(address, timeout=_TIMEOUT_SECONDS, uri=True)) as database:
            return database.execute(query, values).fetchall()
    import sqlalchemy as sa

    engine = sa.create_engine(url, connect_args={"connect_timeout": _TIMEOUT_SECONDS})
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query), values))
