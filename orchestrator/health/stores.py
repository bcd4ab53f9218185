"""Checks of the two stores: the ledger and MLflow."""

import base64
import os
import sqlite3
from contextlib import closing
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from orchestrator.health import http_request
from orchestrator.health.finding import Finding, Level
from orchestrator.health.folders import check_writable, find_network_file_system
from orchestrator.secrecy import redact
from orchestrator.settings import Settings
from orchestrator.sqlite_address import sqlite_path
from orchestrator.tracking.store import ADDRESS_EXAMPLE, describe_folder, is_folder
from vss.errors import UserError

_MLFLOW = "check MLFLOW_TRACKING_URI, and that the server is running"
_MLFLOW_TOKEN = (
    "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"  # noqa: S105
)


def check_ledger(settings: Settings) -> Finding:
    """Check that the ledger answers, can be written, and is not newer than this program."""
    from orchestrator.ledger.database import parse_address
    from orchestrator.ledger.probe import probe_ledger

    url = settings.ledger_url
    try:
        parse_address(url)
        if (path := sqlite_path(url)) is not None and not path.exists():
            return check_writable("ledger", path.parent, "VSS_HOME or VSS_LEDGER_URL")
        address = probe_ledger(url)
    except UserError as error:
        text, _, remedy = str(error).rpartition("; ")
        return Finding("ledger", Level.PROBLEM, text or remedy, remedy)
    return _judge_sqlite("ledger", url, "VSS_LEDGER_URL") or Finding("ledger", Level.OK, address)


def check_mlflow(settings: Settings) -> Finding:
    """Check that MLflow's store answers, with the user's token, and can be written."""
    uri = settings.tracking_uri
    if uri.startswith(("http://", "https://")):
        return _check_server(uri.rstrip("/"))
    if (path := sqlite_path(uri)) is not None:
        return _check_sqlite(path, uri)
    if is_folder(uri):
        return Finding("MLflow", Level.PROBLEM, describe_folder(uri), ADDRESS_EXAMPLE)
    from orchestrator.ledger.probe import find_login_error

    if reason := find_login_error(uri):
        return Finding("MLflow", Level.PROBLEM, f"{redact(uri)}: {reason}", _MLFLOW)
    return Finding("MLflow", Level.OK, redact(uri))


def _check_server(uri: str) -> Finding:
    address = redact(uri)
    try:
        version = http_request.get(f"{uri}/version")
        search = f"{uri}/api/2.0/mlflow/experiments/search?max_results=1"
        answer = http_request.get(search, _make_mlflow_headers())
    except OSError as error:
        text = f"{address}: {http_request.explain(error)}"
        return Finding("MLflow", Level.PROBLEM, text, _MLFLOW)
    if answer.status in (401, 403):
        text = f"{address} refuses access ({answer.status})"
        return Finding("MLflow", Level.PROBLEM, text, _MLFLOW_TOKEN)
    if answer.status != 200:
        text = f"{address} is no MLflow server (status {answer.status})"
        return Finding("MLflow", Level.PROBLEM, text, _MLFLOW)
    client = metadata.version("mlflow")
    if version.status == 200 and version.text.split(".")[0] != client.split(".")[0]:
        text = f"{address} is MLflow {version.text}, this client {client}"
        return Finding("MLflow", Level.WARNING, text, "use the same major version on both sides")
    return Finding("MLflow", Level.OK, address)


def _make_mlflow_headers() -> dict[str, str]:
    """Return the headers that MLflow's own client would send."""
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{key}") for key in ("USERNAME", "PASSWORD"))
    if user and password:
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {encoded}"}
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _check_sqlite(path: Path, uri: str) -> Finding:
    if not path.exists():
        return check_writable("MLflow", path.parent, "VSS_HOME or MLFLOW_TRACKING_URI")
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=rw", timeout=5, uri=True)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        remedy = f"make {path} writable, or set MLFLOW_TRACKING_URI"
        return Finding("MLflow", Level.PROBLEM, f"{path}: {error}", remedy)
    return _judge_sqlite("MLflow", uri, "MLFLOW_TRACKING_URI") or Finding(
        "MLflow", Level.OK, str(path)
    )


def _judge_sqlite(subject: str, url: str, variable: str) -> Finding | None:
    """Return a warning if an SQLite file is on a network file system, where locks are unsafe."""
    path = sqlite_path(url)
    if path is None:
        return None
    kind = find_network_file_system(path)
    if kind is None:
        return None
    text = f"{path} is on {kind}, where SQLite may lose data if two machines use it"
    remedy = f"use a server: set {variable}"
    return Finding(subject, Level.WARNING, text, remedy)
