"""The anonymisation of reports: remove this machine's folders and name before publication."""

import re
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from orchestrator.settings import Settings
from reports.records import ExperimentRecord

# An absolute path with at least two parts that is not inside a URL or a relative path.
_PATH = re.compile(r"(?<![\w:/$~.…])(?:/[^\s/'\"`:,;()<>]+){2,}")
_LAST_PARTS = 2  # parts of a long path that a message keeps; a short path keeps one


def anonymise(record: ExperimentRecord, settings: Settings) -> ExperimentRecord:
    """Return the record with variables in place of folders, and without the machine's name.

    The spec keeps paths outside these folders, as it would not work without them. Messages keep
    only the last parts of such paths; the ledger stores them in full.
    """
    substitute = _substitution(settings)
    runs = [
        replace(run, message=run.message and _PATH.sub(_shorten, substitute(run.message)))
        for run in record.runs
    ]
    source, command = substitute(record.source), substitute(record.command)
    return replace(record, source=source, command=command, runs=runs)


def _substitution(settings: Settings) -> Callable[[str], str]:
    """Return a function that replaces folders by variables, and the host name by HOST."""
    folders = [
        ("$VSS_DATA", settings.data),
        ("$VSS_STORAGE", settings.storage.folder or settings.storage),
        ("$VSS_HOME", settings.home),
        ("~", Path.home()),
    ]
    variables = {str(folder): name for name, folder in reversed(folders) if folder is not None}
    variables.pop("/", None)
    longest_first = sorted(variables, key=len, reverse=True)
    folder = re.compile(rf"(?<![\w/])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.-])")
    host = re.compile(rf"\b{re.escape(socket.gethostname())}\b")
    is_localhost = socket.gethostname().startswith("localhost")

    def substitute(text: str) -> str:
        text = folder.sub(lambda match: variables[match[0]], text)
        return text if is_localhost else host.sub("HOST", text)

    return substitute


def _shorten(path: re.Match[str]) -> str:
    """Return the last parts of a path."""
    parts = path[0].strip("/").split("/")
    count = _LAST_PARTS if len(parts) >= 2 * _LAST_PARTS else 1
    return "/".join(["…", *parts[-count:]])
