"""The tracking store: its availability, its addresses and its files on this machine.

Imports no MLflow, so that an address that does not answer is refused before that takes seconds.
"""

import gc
import http.client
import re
import socket
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from orchestrator.host_names import look_up
from orchestrator.secrecy import redact
from orchestrator.sqlite_address import sqlite_path
from vss.errors import UserError

ADDRESS_REMEDY = "check MLFLOW_TRACKING_URI or VSS_HOME"
ADDRESS_EXAMPLE = "write http://host:5000 or sqlite:////folder/mlflow.db"
_SECONDS = 4
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
# Errors of the operating system that stay until somebody changes something.
_MISTAKES = (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError)


class TrackingUnreachableError(UserError):
    """Raised when the tracking store cannot be reached.

    Attributes:
        outage: the reason in a few words; None if waiting would not help.
    """

    def __init__(self, message: str, outage: str | None = None) -> None:
        super().__init__(message)
        self.outage = outage


def check_reachable(uri: str) -> None:
    """Check that the store answers, if it is a server.

    Raises:
        TrackingUnreachableError: if it does not within a few seconds, or the address is none.
    """
    if is_folder(uri):
        raise TrackingUnreachableError(f"{describe_folder(uri)}: {ADDRESS_EXAMPLE}")
    try:
        check_connection(uri)
        check_server(uri)
    except ValueError as error:  # of a port that is not a number, or half an IPv6 address
        raise TrackingUnreachableError(
            f"MLFLOW_TRACKING_URI={redact(uri)} is not an address: {redact(str(error))}; write for "
            "example http://host:5000"
        ) from None
    except OSError as error:
        cause = find_root_cause(error)
        raise TrackingUnreachableError(
            f"cannot reach MLflow at {redact(uri)}: {cause}; {ADDRESS_REMEDY}",
            cause[:100].lower() if is_transient(error) else None,
        ) from None


def is_folder(uri: str) -> bool:
    """Return whether an address is that of a folder, in which MLflow no longer keeps runs."""
    path = sqlite_path(uri)
    if path is not None:
        return path.is_dir()
    return "://" not in uri or uri.lower().startswith("file:")


def describe_folder(uri: str) -> str:
    """Return what is wrong with the address of a folder."""
    return f"MLFLOW_TRACKING_URI={redact(uri)} is neither a server nor a database"


def is_transient(error: BaseException) -> bool:
    """Return whether an error of the operating system may be gone later."""
    return isinstance(error, OSError) and not isinstance(error, _MISTAKES)


def check_connection(uri: str) -> None:
    """Check that the store's port accepts connections; MLflow itself would retry for minutes.

    Raises:
        OSError: if its host is unknown, or nothing listens on the port.
    """
    address = urlsplit(uri)
    port = address.port or _PORTS.get(address.scheme.partition("+")[0])
    if address.hostname and port:
        look_up(address.hostname)
        socket.create_connection((address.hostname, port), timeout=_SECONDS).close()


def is_database(uri: str) -> bool:
    """Return whether the store is a database, without a server of MLflow in front of it."""
    scheme = uri.partition(":")[0].partition("+")[0]
    return scheme in ("sqlite", "postgresql", "mysql", "mssql")


def check_server(uri: str) -> None:
    """Check that a server answers HTTP at all; MLflow itself would ask a mute one for minutes.

    Raises:
        OSError: if it does not within a few seconds.
    """
    if not uri.startswith(("http://", "https://")):
        return
    with suppress(urllib.error.HTTPError):  # an answer too
        try:
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_SECONDS).close()  # noqa: S310
            return
        except http.client.HTTPException:
            pass  # raised below, as the cause of an error is what users are told
        raise OSError("it does not speak HTTP")


def find_root_cause(error: BaseException) -> str:
    """Return the message of the innermost error, without its number and further sentences."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    message = re.sub(r"^\[Errno -?\d+\] ", "", str(error).strip())
    return redact(message.splitlines()[0].partition(". ")[0])


def find_local_folder(artifact_uri: str) -> Path | None:
    """Return the folder of a run's artifacts, or None if it is not on this machine."""
    if not artifact_uri.startswith("file:"):
        return None
    return Path(url2pathname(urlsplit(artifact_uri).path))


def use_write_ahead_log(uri: str) -> None:
    """Let workers and the UI read an SQLite store while a worker writes to it."""
    path = sqlite_path(uri)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Pause garbage collection, which would visit all rows of a store again and again.

    This cuts the time to read a thousand runs to a third.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
