"""Checks of a database that change nothing: no file, no table and no row."""

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from orchestrator.ledger.database import UNREACHABLE, explain_unreachable
from orchestrator.ledger.tables import VERSION_TABLE, drivers
from vss.errors import UserError

_TIMEOUT_SECONDS = 5
_SQLITE = "sqlite:///"


def probe_ledger(url: str) -> str:
    """Check that a ledger answers, can be written and is not newer than this program.

    Returns:
        its address without a password.

    Raises:
        UserError: if one of these fails; the remedy follows the last semicolon.
    """
    try:
        address = sa.make_url(url).render_as_string(hide_password=True)
        with _connect(url).connect() as db:
            if not sa.inspect(db).has_table(VERSION_TABLE):
                return f"{address} (empty)"
            revision = db.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
            if str(revision) <= _newest_revision():
                # It changes no row, but needs the right to.
                db.execute(sa.update(drivers).where(sa.false()).values(pid=0))
    except UNREACHABLE as error:
        raise UserError(explain_unreachable(url, error)) from None
    if str(revision) > _newest_revision():
        raise UserError(
            f"the ledger at {address} was written by a newer vss-orch (revision {revision}, here "
            f"{_newest_revision()}); upgrade vss-orch on this machine"
        )
    return address


def find_login_error(url: str) -> str | None:
    """Return why the database at an address refuses a connection; None if it accepts it."""
    try:
        with _connect(url).connect():
            return None
    except UNREACHABLE as error:
        return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _connect(url: str) -> sa.Engine:
    if url.startswith(_SQLITE):
        # Only this mode fails where there is no file instead of creating one.
        file = quote(url.removeprefix(_SQLITE))
        return sa.create_engine(
            f"sqlite:///file:{file}?mode=rw&uri=true", connect_args={"timeout": _TIMEOUT_SECONDS}
        )
    return sa.create_engine(url, connect_args={"connect_timeout": _TIMEOUT_SECONDS})


def _newest_revision() -> str:
    """Return the newest revision of the tables, by which its migration's file is named."""
    folder = Path(__file__).parent / "migrations" / "versions"
    return max(file.name[:4] for file in folder.glob("[0-9]*.py"))
