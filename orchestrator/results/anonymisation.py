"""Reports are published: places of this machine and its name are taken out of their texts."""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.ledger.ledger import TrialStatus
from orchestrator.settings import Settings
from reports.records import ExperimentRecord
from vss import catalog

# An absolute path of two parts or more, not a part of an address or of a relative path.
_PATH = re.compile(r"(?<![\w:/$~.…])(?:/[^\s/'\"`:,;()<>]+){2,}")
_KEPT = 2  # parts of a path, if at least as many others are left out


def publishable(record: ExperimentRecord, settings: Settings) -> ExperimentRecord:
    """The record with its folders read as variables, and without the name of this machine.

    The spec keeps paths that lie elsewhere: it would not work without them. Messages keep their
    last parts only; the ledger has the whole.
    """
    named = _namer(settings)
    runs = [
        replace(run, message=run.message and _PATH.sub(_ending, named(run.message)))
        for run in record.runs
    ]
    return replace(record, source=named(record.source), runs=runs)


def repeating(trials: Sequence[TrialStatus], source: str) -> str:
    """The command that makes an experiment again; empty if it did not come from a spec."""
    lines = (line.partition("#")[0].strip() for line in source.splitlines())
    if not any(lines):
        return ""
    datasets = sorted({str(trial.settings["dataset"]) for trial in trials})
    places = [
        f'--data {name}="$VSS_DATA/{name}"'
        for name in datasets
        if name in catalog.DATASETS and catalog.DATASETS[name].needs_path
    ]
    return " ".join(["vss-orch submit spec.yaml", *places])


def _namer(settings: Settings) -> Callable[[str], str]:
    """Writes known folders as variables."""
    folders = [
        ("$VSS_DATA", settings.data),
        ("$VSS_STORAGE", settings.storage),
        ("$VSS_HOME", settings.home),
        ("~", Path.home()),
    ]
    known = {str(folder): name for name, folder in reversed(folders) if folder is not None}
    known.pop("/", None)
    longest_first = sorted(known, key=len, reverse=True)
    inside = re.compile(rf"(?<![\w/])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.-])")
    host = re.compile(rf"\b{re.escape(socket.gethostname())}\b")
    local = socket.gethostname().startswith("localhost")

    def named(text: str) -> str:
        text = inside.sub(lambda found: known[found[0]], text)
        return text if local else host.sub("HOST", text)

    return named


def _ending(path: re.Match[str]) -> str:
    """The last parts of a path."""
    parts = path[0].strip("/").split("/")
    kept = _KEPT if len(parts) >= 2 * _KEPT else 1
    return "/".join(["…", *parts[-kept:]])
