"""The log of an attempt at a trial: a text file in the trial directory. Imports no torch."""

from datetime import UTC, datetime
from pathlib import Path


def log_name(attempt: int) -> str:
    """Return the name of the log of an attempt."""
    return f"log-{attempt}.txt"


def append_to_log(file: Path, line: str) -> None:
    """Append the time and a line; readers see it at once."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{now} {line}\n")
