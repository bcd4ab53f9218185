"""Checks of a database that change nothing: no file, no table and no row."""

from urllib.parse import quote

import sqlalchemy as sa

from orchestrator.ledger.database import (
    UNREACHABLE,
    explain_unreachable,
    look_up_host,
    parse_address,
    read_revision,
)
from orchestrator.ledger.tables import drivers
from orchestrator.secrecy import redact
from orchestrator.sqlite_address import sqlite_path
from vss.errors import UserError

_TIMEOUT_SECONDS = 5


def probe_ledger(url: str) -> str:
    """Check that a ledger answers, can be written and is not newer than this program.

    Returns:
        its address without a password.

    Raises:
        UserError: if one of these fails; the remedy follows the last semicolon.
    """
    try:
        address = redact(parse_address(url).render_as_string(hide_password=False))
        engine = _connect(url)
        if read_revision(engine) is None:
            return f"{address} (empty)"
        with engine.connect() as db:
            # It changes no row, but needs the right to.
            db.execute(sa.update(drivers).where(sa.false()).values(pid=0))
    except UNREACHABLE as error:
        raise UserError(explain_unreachable(url, error)) from None
    return address


def find_login_error(url: str) -> str | None:
    """Return why the database at an address refuses a connection; None if it accepts it."""
    try:
        with _connect(url).connect():
            return None
    except UNREACHABLE as error:
        return redact(str(getattr(error, "orig", None) or error).strip().splitlines()[0])


def _connect(url: str) -> sa.Engine:
    if (path := sqlite_path(url)) is not None:
        # Only this mode fails where there is no file instead of creating one.
        file = quote(quote(str(path)))  # once for SQLite, once for SQLAlchemy
        return sa.create_engine(
            f"sqlite:///file:{file}?mode=rw&uri=true", connect_args={"timeout": _TIMEOUT_SECONDS}
        )
    address = parse_address(url)
    engine = sa.create_engine(address, connect_args={"connect_timeout": _TIMEOUT_SECONDS})
    look_up_host(address)
    return engine
