"""Checks of the ledger and of MLflow."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from orchestrator.health.finding import Finding, Level
from orchestrator.health.stores import check_ledger, check_mlflow
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.tracking.tracker import Tracker
from tests.conftest import free_port
from tests.orchestrator.health.conftest import Serve

SEARCH = "/api/2.0/mlflow/experiments/search"


def test_ledger_that_does_not_exist_yet_is_not_created(settings: Settings) -> None:
    finding = check_ledger(settings)

    assert finding == Finding("ledger", Level.OK, f"{settings.home} will be created")
    assert not settings.home.exists()


def test_ledger_of_this_program_is_fine(settings: Settings) -> None:
    Ledger(settings.ledger_url)

    assert check_ledger(settings) == Finding("ledger", Level.OK, settings.ledger_url)


def test_ledger_of_a_newer_program_is_a_problem(settings: Settings) -> None:
    Ledger(settings.ledger_url)
    with sa.create_engine(settings.ledger_url).begin() as db:
        db.execute(sa.text("UPDATE vss_ledger_version SET version_num = '9999'"))

    finding = check_ledger(settings)

    assert finding.level == Level.PROBLEM
    assert "written by a newer vss-orch (revision 9999" in finding.text
    assert finding.remedy == "upgrade vss-orch on this machine"


def test_file_that_is_no_ledger_is_a_problem(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "ledger.db").write_text("no database " * 100)

    assert check_ledger(settings).level == Level.PROBLEM


@pytest.mark.parametrize("check", [check_ledger, check_mlflow])
def test_unreachable_database_is_a_problem_without_its_password(
    check: Callable[[Settings], Finding], settings: Settings
) -> None:
    url = "postgresql+psycopg://someone:secret@127.0.0.1:1/x"

    finding = check(replace(settings, ledger_url=url, tracking_uri=url))

    assert finding.level == Level.PROBLEM
    assert "secret" not in finding.text + finding.remedy
    assert finding.remedy.startswith("check ")


@pytest.mark.slow
def test_database_that_accepts_the_login_is_fine(settings: Settings, postgres_server: str) -> None:
    url = f"{postgres_server}/postgres"
    settings = replace(settings, ledger_url=url, tracking_uri=url)

    assert check_ledger(settings).text == f"{url} (empty)"
    assert check_mlflow(settings).level == Level.OK


def test_local_store_is_fine(settings: Settings, tracker: Tracker) -> None:
    assert check_mlflow(settings) == Finding("MLflow", Level.OK, str(settings.home / "mlflow.db"))


def test_damaged_local_store_is_a_problem(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "mlflow.db").write_text("no database " * 100)

    assert check_mlflow(settings).level == Level.PROBLEM


def test_token_for_the_server_is_tried(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = serve({SEARCH: (200, "{}"), "/version": (200, "3.0")}, token="Bearer right")
    settings = replace(settings, tracking_uri=address)

    refused = check_mlflow(settings)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "right")
    accepted = check_mlflow(settings)

    assert (refused.level, refused.text) == (Level.PROBLEM, f"{address} refuses access (401)")
    assert refused.remedy.startswith("set MLFLOW_TRACKING_TOKEN")
    assert accepted == Finding("MLflow", Level.OK, address)


def test_server_with_a_different_major_version_is_a_warning(
    settings: Settings, serve: Serve
) -> None:
    address = serve({SEARCH: (200, "{}"), "/version": (200, "2.9.1")})

    finding = check_mlflow(replace(settings, tracking_uri=address))

    assert finding.level == Level.WARNING
    assert f"{address} is MLflow 2.9.1, this client " in finding.text


def test_address_without_an_mlflow_server_is_a_problem(settings: Settings, serve: Serve) -> None:
    for address in (serve({}), f"http://127.0.0.1:{free_port()}"):
        assert check_mlflow(replace(settings, tracking_uri=address)).level == Level.PROBLEM


def test_folder_is_no_store_for_mlflow(settings: Settings) -> None:
    finding = check_mlflow(replace(settings, tracking_uri="mlruns"))

    assert finding.level == Level.PROBLEM
    assert finding.text == "MLFLOW_TRACKING_URI=mlruns is neither a server nor a database"
