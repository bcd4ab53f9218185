"""The ledger's database: connect to it, and keep its tables up to date."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from orchestrator.host_names import look_up
from orchestrator.ledger.availability.outage import report_outages
from orchestrator.ledger.tables import VERSION_TABLE
from orchestrator.secrecy import redact
from orchestrator.secrecy.addresses import split_login
from vss.errors import UserError

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = sa.table(VERSION_TABLE)
UNREACHABLE = (sa.exc.DBAPIError, sa.exc.ArgumentError, ImportError, OSError)
_MIGRATION_LOCK, _REGISTRATION_LOCK = 7_654_321, 7_654_322  # any numbers of our own
BUSY_SECONDS = 30.0  # the longest wait for another process that writes to SQLite
# Without these, a cut network would stop a query for minutes.
_POSTGRES_TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
# Drivers that know them; "postgresql://" without a driver means one of them too.
_WITH_TIMEOUTS = {("postgresql", "psycopg"), ("postgresql", "psycopg2")}


def open_database(url: str) -> Engine:
    """Connect to a database, and create its tables or bring them up to date.

    Raises:
        UserError: if the address is none, or the database cannot be reached.
    """
    try:
        engine = _connect(url)
        if read_revision(engine) != newest_revision():
            _migrate(engine)
    except UNREACHABLE as error:
        raise UserError(explain_unreachable(url, error)) from None
    return engine


def _connect(url: str) -> Engine:
    address = parse_address(url)
    options = {}
    if (address.get_backend_name(), address.get_driver_name()) in _WITH_TIMEOUTS:
        options = {k: v for k, v in _POSTGRES_TIMEOUTS.items() if k not in address.query}
    engine = sa.create_engine(address, pool_pre_ping=True, connect_args=options)
    look_up_host(address)
    report_outages(engine)
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def parse_address(url: str) -> sa.URL:
    """Parse the address of a database.

    Raises:
        UserError: if it is none, or would be taken for another one.
    """
    if "@" in (split_login(url).password or ""):
        raise UserError(
            f"the password in {redact(url)} contains '@', which ends it: write %40 instead, or put "
            "the password into the file that VSS_LEDGER_PASSWORD_FILE names"
        )
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # of a port that is not a number
        shown = f": '{redact(url)}'" if "://" in url else ""  # it may be the password alone
        raise UserError(
            f"VSS_LEDGER_URL is not a database address{shown}; write for example "
            "postgresql://user@host:5432/database or sqlite:////folder/ledger.db"
        ) from None
    file = address.database or ":memory:"
    if address.get_backend_name() == "sqlite" and (":memory:" in file or "mode" in address.query):
        raise UserError(
            f"VSS_LEDGER_URL={redact(url)} is a database in the memory of one process, which no "
            "other one can read; write for example sqlite:////folder/ledger.db"
        )
    return address


def look_up_host(address: sa.URL) -> None:
    """Check that a database's host is known; its driver would wait for a silent name server.

    Raises:
        OSError: if it is not.
    """
    for host in (address.host or "").split(","):  # PostgreSQL's clients take several
        look_up(host)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
    connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS:.0f}")
    connection.execute("PRAGMA foreign_keys = ON")


def read_revision(engine: Engine) -> str | None:
    """Return the revision of a ledger's tables; None if it has none.

    Raises:
        UserError: if this program does not know it; the remedy follows the last semicolon.
    """
    with engine.connect() as db:
        if not sa.inspect(db).has_table(VERSION_TABLE):
            return None
        revision: str | None = db.scalar(sa.select(sa.column("version_num")).select_from(_VERSION))
    if revision is not None and revision > newest_revision():
        address = redact(engine.url.render_as_string(hide_password=False))
        raise UserError(
            f"the ledger at {address} was written by a newer vss-orch (revision {revision}, here "
            f"{newest_revision()}); upgrade vss-orch on this machine"
        )
    return revision


def newest_revision() -> str:
    """Return the newest revision of the tables, by which its migration's file is named."""
    return max(file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _migrate(engine: Engine) -> None:
    # Importing Alembic takes as long as a command that only reads the ledger.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with _lock(engine), engine.begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "head")


@contextmanager
def _lock(engine: Engine) -> Iterator[None]:
    """Keep two processes from creating the tables of a new database at once."""
    if engine.dialect.name == "sqlite":
        from filelock import FileLock  # only where tables are written

        with FileLock(f"{engine.url.database}.lock"):
            yield
    elif engine.dialect.name == "postgresql":
        with engine.connect() as db, db.begin():
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            yield
    else:
        yield


@contextmanager
def lock_tables(url: str) -> Iterator[None]:
    """Keep other processes from creating tables of a store while the block runs.

    A store that cannot be reached, or is no database, is not locked: who opens it will say so.
    """
    with ExitStack() as stack:
        if url.startswith(("sqlite:", "postgresql")):
            with suppress(UserError, *UNREACHABLE):
                engine = _connect(url)
                stack.callback(engine.dispose)
                stack.enter_context(_lock(engine))
        yield


@contextmanager
def begin_registration(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that adds or deletes experiments and trials; only one runs at a time.

    Two submits at once would otherwise both find a trial missing, and both insert it.
    """
    with engine.begin() as db:
        if engine.dialect.name == "sqlite":
            db.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(_REGISTRATION_LOCK)))
        yield db


def explain_unreachable(url: str, error: Exception) -> str:
    """Return a message about a database that cannot be reached; the remedy ends it."""
    address = redact(url)
    if isinstance(error, ImportError):
        return (
            f"the ledger at {address} needs a driver that is not installed ({error}); "
            "for PostgreSQL: pip install 'vss-orch[postgres]'"
        )
    reason = redact(str(getattr(error, "orig", None) or error).strip().splitlines()[0])
    return f"cannot reach the ledger at {address}: {reason}; check VSS_LEDGER_URL or VSS_HOME"
