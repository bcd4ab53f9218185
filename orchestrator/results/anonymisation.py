"""Remove this machine's folders and name from reports, so that they can be published."""

import re
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from orchestrator.settings import Settings
from reports.records import ExperimentRecord

# An absolute path of two parts or more, not a part of an address or of a relative path.
_PATH = re.compile(r"(?<![\w:/$~.…])(?:/[^\s/'\"`:,;()<>]+){2,}")
_KEPT_PARTS = 2  # of a path, if at least as many others are dropped


def anonymise(record: ExperimentRecord, settings: Settings) -> ExperimentRecord:
    """Return the record with folders as variables and without the name of this machine.

    The spec keeps paths outside these folders: it would not work without them. Messages keep the
    last parts of such paths; the ledger holds them in full.
    """
    substitute = _substitution(settings)
    runs = [
        replace(run, message=run.message and _PATH.sub(_shorten, substitute(run.message)))
        for run in record.runs
    ]
    return replace(record, source=substitute(record.source), runs=runs)


def _substitution(settings: Settings) -> Callable[[str], str]:
    """Return a function that writes folders as variables, and the host's name as HOST."""
    folders = [
        ("$VSS_DATA", settings.data),
        ("$VSS_STORAGE", settings.storage),
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
    kept = _KEPT_PARTS if len(parts) >= 2 * _KEPT_PARTS else 1
    return "/".join(["…", *parts[-kept:]])
