"""The names in a ledger, for completion in a shell and for refusing unknown ones at once.

They are read without creating or migrating the ledger. An SQLite ledger is read with Python's own
module, as importing SQLAlchemy takes longer than the query.
"""

import difflib
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

from orchestrator.ledger.overview.labels import label_trial
from orchestrator.sqlite_address import sqlite_path
from vss.suggestions import did_you_mean

_EXPERIMENTS = "SELECT name FROM experiments ORDER BY name"
_CELLS = (
    "SELECT cell, seed, sample FROM members WHERE experiment = :experiment "
    "GROUP BY cell, seed, sample ORDER BY MIN(position)"
)
_TRIALS = "SELECT trial_id FROM trials WHERE substr(trial_id, 1, length(:beginning)) = :beginning"
_TIMEOUT_SECONDS = 2
_CLOSEST = 5  # experiments to name where one is unknown


def is_quick(url: str) -> bool:
    """Return whether the names can be read without SQLAlchemy."""
    return sqlite_path(url) is not None


def read_experiment_names(url: str) -> list[str]:
    """Return the names of all experiments, in alphabetical order; may raise any error."""
    return [name for (name,) in _query(url, _EXPERIMENTS, {})]


def read_cell_labels(url: str, experiment: str) -> dict[str, list[str]]:
    """Return the trials of each cell of an experiment by their seeds; may raise any error.

    They have the order of its spec; samples of a search come last, as "sample 0". An unknown
    experiment has no cells.
    """
    rows = _query(url, _CELLS, {"experiment": experiment})
    labels: dict[str, list[str]] = {cell: [] for cell, _, _ in rows}
    for cell, seed, sample in sorted(rows, key=_rank):
        labels[cell].append(label_trial(seed, sample))
    return labels


def _rank(row: tuple[str, int, int | None]) -> tuple[bool, int]:
    """Return a value by which the samples of a search come last, in their order."""
    sample = row[2]
    return sample is not None, sample or 0


def has_trial(url: str, beginning: str) -> bool:
    """Return whether a trial_id begins like this; may raise any error."""
    return bool(_query(url, f"{_TRIALS} LIMIT 1", {"beginning": beginning}))


def explain_missing(kind: str, name: str, names: Sequence[str]) -> str:
    """Return a message about a name that the ledger lacks; it lists the closest experiments."""
    if not names:
        return f"no {kind} '{name}' in the ledger, which is empty: submit a spec first"
    closest = difflib.get_close_matches(name, names, n=_CLOSEST, cutoff=0)
    label = "closest" if len(names) > _CLOSEST else "experiments"
    hint = did_you_mean(name, dict.fromkeys(names))
    return f"no {kind} '{name}' in the ledger ({label}: {', '.join(closest)}){hint}"


def _query(url: str, query: str, values: Mapping[str, Any]) -> list[Any]:
    if (path := sqlite_path(url)) is not None:
        # Only this mode fails where there is no file instead of creating one.
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, timeout=_TIMEOUT_SECONDS, uri=True)) as database:
            return database.execute(query, values).fetchall()
    import sqlalchemy as sa

    engine = sa.create_engine(url, connect_args={"connect_timeout": _TIMEOUT_SECONDS})
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query), values))
