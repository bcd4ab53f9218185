"""The ledger's database: its migrations, and addresses that do not work."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import orchestrator.ledger
from orchestrator.ledger import tables
from orchestrator.ledger.database import open_database
from orchestrator.ledger.ledger import Ledger
from vss.errors import UserError


def test_migrations_create_the_declared_tables(new_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    Ledger(new_url)

    with sa.create_engine(new_url).connect() as db:
        options = {"version_table": tables.VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(db, opts=options), tables.metadata) == []


@pytest.mark.slow
def test_current_tables_are_opened_without_alembic(tmp_path: Path) -> None:
    """Importing it takes as long as all else that `status` does."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    Ledger(url)
    code = (
        "import sys; from orchestrator.ledger.ledger import Ledger; "
        f"Ledger({url!r}); print(*sys.modules)"
    )

    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "alembic" not in process.stdout.split()


def test_ledger_of_a_newer_program_is_refused(url: str) -> None:
    Ledger(url)
    with sa.create_engine(url).begin() as db:
        db.execute(sa.text(f"UPDATE {tables.VERSION_TABLE} SET version_num = '9999'"))

    with pytest.raises(UserError, match=r"written by a newer vss-orch \(revision 9999, here \d+\)"):
        Ledger(url)


def test_password_of_an_unreachable_database_is_hidden() -> None:
    with pytest.raises(UserError) as error:
        Ledger("postgresql+psycopg://user:secret@127.0.0.1:1/db?connect_timeout=2")

    assert "secret" not in str(error.value)
    assert "postgresql+psycopg://user:***@127.0.0.1:1/db" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "VSS_LEDGER_URL is not a database address; write for example"),
        ("sqlite://", "VSS_LEDGER_URL=sqlite:// is a database in the memory of one process"),
        ("sqlite:///:memory:", "VSS_LEDGER_URL=sqlite:///:memory: is a database in the memory"),
        (
            "sqlite:////proc/none/ledger.db",
            "cannot reach the ledger at sqlite:////proc/none/ledger.db:",
        ),
        ("postgres://u@h/d", "Can't load plugin"),
        (
            "postgresql://u:geheim@h:abc/d",
            "VSS_LEDGER_URL is not a database address: 'postgresql://u:***@h:abc/d'",
        ),
        ("postgresql://u:geheim@geheim@h/d", "the password in postgresql://u:***@h/d contains '@'"),
    ],
)
def test_bad_address_is_reported_on_one_line_with_a_remedy(url: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        Ledger(url)

    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert "geheim" not in str(error.value)


def test_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, though it is long enough to be one" * 9)

    with pytest.raises(UserError, match="file is not a database"):
        Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_experiments_from_before_the_migrations_have_no_published_results(new_url: str) -> None:
    config = Config()
    folder = Path(next(iter(orchestrator.ledger.__path__))) / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_current_head() == "0011"
    with sa.create_engine(new_url).begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0001")
        db.execute(
            sa.text(
                "INSERT INTO experiments (name, description, source, baseline, created_at) "
                "VALUES ('old', '', '', 'a', '2026-01-01')"
            )
        )

    open_database(new_url)

    assert Ledger(new_url).experiment("old").published == {}


def test_teachers_of_an_older_ledger_become_dependencies(new_url: str) -> None:
    config = Config()
    folder = Path(next(iter(orchestrator.ledger.__path__))) / "migrations"
    config.set_main_option("script_location", str(folder))
    engine = sa.create_engine(new_url)
    with engine.begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0009")
        for trial_id, teacher in (("a", None), ("b", "a")):
            row = {"trial_id": trial_id, "teacher": teacher}
            db.execute(
                sa.text(
                    "INSERT INTO trials (trial_id, settings, state, data_fingerprint, step, "
                    "teacher) VALUES (:trial_id, '{}', 'PENDING', 'f', 0, :teacher)"
                ),
                row,
            )

    open_database(new_url)

    with engine.begin() as db:
        rows = db.execute(sa.text("SELECT trial_id, setting, source FROM dependencies")).all()
        assert rows == [("b", "teacher", "a")]
        config.attributes["connection"] = db
        command.downgrade(config, "0009")
        teachers = db.execute(sa.text("SELECT trial_id, teacher FROM trials ORDER BY 1")).all()
        assert teachers == [("a", None), ("b", "a")]


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_connections_to_postgres_have_timeouts(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut network would otherwise stop a query for minutes."""
    options: dict[str, str] = {}

    def connect(*_: object, **keywords: str) -> None:
        options.update(keywords)
        raise psycopg.OperationalError("refused")

    monkeypatch.setattr(psycopg, "connect", connect)

    with pytest.raises(UserError, match="cannot reach the ledger"):
        Ledger(f"{scheme}://user@127.0.0.1:1/db?connect_timeout=2")

    assert options["tcp_user_timeout"] == "25000"
    assert options["connect_timeout"] == "2"
