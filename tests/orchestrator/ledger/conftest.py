"""A ledger on SQLite and, if its programs are installed, on PostgreSQL."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from filelock import FileLock

from orchestrator.ledger import tables
from orchestrator.ledger.database import newest_revision, open_database, read_revision
from orchestrator.ledger.entries import ExperimentEntry, Member, TrialStatus
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import tiny

DATA = "f" * 64
STUDY = ExperimentEntry("study")
ANOTHER = ExperimentEntry("another")


def members(*seeds: int, cell: str = "a", data: str = DATA) -> list[Member]:
    return [Member(PlannedTrial(cell, tiny(seed=seed)), data) for seed in seeds]


def ids(*seeds: int) -> list[str]:
    return [tiny(seed=seed).trial_id for seed in seeds]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("postgres_ledger_url")
    with _only_connection(url) as db:
        _remove_tables(db)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a ledger without rows; its tables are copied, not made, if possible."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_ledger"), tmp_path / "ledger.db")
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("postgres_ledger_url")
    with _only_connection(url) as db:
        if read_revision(db.engine) == newest_revision():
            names = ", ".join(tables.metadata.tables)
            db.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        else:
            _remove_tables(db)
    return url


def _remove_tables(db: sa.Connection) -> None:
    db.execute(sa.text("DROP SCHEMA public CASCADE"))
    db.execute(sa.text("CREATE SCHEMA public"))


@pytest.fixture(scope="session")
def empty_ledger(shared_folder: Path) -> Path:
    """Return an SQLite ledger with empty tables, as the migrations take longer than most tests."""
    template, draft = shared_folder / "ledger.db", shared_folder / "draft_ledger.db"
    with FileLock(shared_folder / "ledger.lock"):
        if not template.exists():
            open_database(f"sqlite:///{draft}").dispose()  # which writes its log back
            draft.rename(template)
    return template


@pytest.fixture(scope="session")
def postgres_ledger_url(postgres_server: str) -> str:
    """Return the database that the tests empty in turn, as a new one has 300 files."""
    return new_postgres_database(postgres_server)


@contextmanager
def _only_connection(url: str) -> Iterator[sa.Connection]:
    """Connect to a PostgreSQL database, and end all other connections to it."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
        )
        yield db
    engine.dispose()


def new_postgres_database(server: str) -> str:
    """Create a database, and return its address."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    with sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT").connect() as db:
        db.execute(sa.text(f"CREATE DATABASE {name}"))
    return f"{server}/{name}"


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url)


def only_trial(ledger: Ledger, experiment: str = "study") -> TrialStatus:
    (trial,) = ledger.trials(experiment)
    return trial
