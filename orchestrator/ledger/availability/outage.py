"""Outages of the ledger: the errors after which the same call may succeed later."""

import sqlite3

import sqlalchemy as sa
from sqlalchemy.engine import Engine, ExceptionContext

from orchestrator.secrecy import redact
from vss.errors import UserError

_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,  # a file system that was mounted again after an error
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}


class LedgerUnreachableError(UserError):
    """Raised when the ledger's database does not answer, or cannot be written.

    Attributes:
        reason: a few words for the live view, for example "connection refused".
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def report_outages(engine: Engine) -> None:
    """Let every call that fails because of an outage raise a LedgerUnreachableError."""
    sa.event.listen(engine, "handle_error", _raise_if_outage)


def _raise_if_outage(context: ExceptionContext) -> None:
    # SQLAlchemy's check before a connection is used replaces a broken one by itself.
    if context.is_pre_ping or not _is_outage(context):
        return
    error = context.original_exception
    url = context.engine.url if context.engine is not None else None
    address = f" at {redact(url.render_as_string(hide_password=False))}" if url is not None else ""
    line = redact(str(error).strip().splitlines()[0])
    raise LedgerUnreachableError(
        f"cannot reach the ledger{address}: {line}; check VSS_LEDGER_URL or VSS_HOME",
        line.rpartition(": ")[2].strip().lower(),
    )


def _is_outage(context: ExceptionContext) -> bool:
    error = context.original_exception
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        return code & 0xFF in _SQLITE_CODES  # the other bits say more about the same code
    is_transient = isinstance(
        context.sqlalchemy_exception, (sa.exc.OperationalError, sa.exc.InterfaceError)
    )
    return context.is_disconnect or is_transient
