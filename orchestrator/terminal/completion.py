"""Completion of names in the user's shell.

It runs whenever the tab key is pressed, so it must be fast, print nothing else and never fail.
"""

import re
from collections.abc import Mapping

from orchestrator.ledger.quick_names import read_cell_labels, read_experiment_names
from orchestrator.settings import load_settings


def complete_experiment(incomplete: str) -> list[str]:
    """Return the experiments whose name begins with `incomplete`."""
    return [name for name in _read_experiments() if name.startswith(incomplete)]


def complete_cell(incomplete: str) -> list[str]:
    """Return the matching experiments or, once a colon is typed, the matching EXPERIMENT:CELL."""
    experiment, colon, _ = incomplete.partition(":")
    if not colon:
        return complete_experiment(incomplete)
    cells = (f"{experiment}:{cell}" for cell in _read_cells(experiment))
    return [name for name in cells if name.startswith(incomplete)]


def complete_trial(incomplete: str) -> list[str]:
    """Return what `complete_cell` returns, and the matching EXPERIMENT:CELL:SEED."""
    experiment, colon, rest = incomplete.partition(":")
    trials = [
        f"{experiment}:{cell}:{label}"
        for cell, labels in (_read_cells(experiment) if colon else {}).items()
        if rest.startswith(f"{cell}:")
        for label in labels
    ]
    return complete_cell(incomplete) + [name for name in trials if name.startswith(incomplete)]


def rejoin_bash_words(environment: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Undo bash's splitting of words at ":" and "=", which occur in names of cells.

    Args:
        environment: COMP_WORDS, one word per line, and COMP_CWORD, the index of the current word.

    Returns:
        both variables with whole words, and the start of the current word that bash will leave as
        it is: it replaces only what follows the last ":" or "=".
    """
    words = environment["COMP_WORDS"].split("\n")[: int(environment["COMP_CWORD"]) + 1]
    joined: list[str] = []
    joins_next = False
    for word in words:
        is_break = re.fullmatch("[:=]+", word) is not None
        if joined and (is_break or joins_next):
            joined[-1] += word
        else:
            joined.append(word)
        joins_next = is_break
    current = joined[-1].replace("\\", "")
    start = current[: max(current.rfind(":"), current.rfind("=")) + 1]
    return {"COMP_WORDS": "\n".join(joined), "COMP_CWORD": str(len(joined) - 1)}, start


def format_for_bash(completion: str, start: str) -> str:
    """Return a completion without the part that bash keeps, and with its spaces escaped."""
    return re.sub(r"([^\w%+=:,./-])", r"\\\1", completion.removeprefix(start))


def _read_experiments() -> list[str]:
    try:
        return read_experiment_names(load_settings().ledger_url)
    except Exception:  # without a ledger that answers there is nothing to offer
        return []


def _read_cells(experiment: str) -> dict[str, list[str]]:
    try:
        return read_cell_labels(load_settings().ledger_url, experiment)
    except Exception:  # as above
        return {}
