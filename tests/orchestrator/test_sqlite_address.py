"""Addresses of SQLite files."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.ledger.probe import probe_ledger
from orchestrator.ledger.quick_names import read_experiment_names
from orchestrator.settings import load_settings
from orchestrator.sqlite_address import sqlite_address, sqlite_path
from orchestrator.stores import check_ledger, open_ledger

ODD = ["run%20s", "a?b", "a?mode=ro", "a#b", "100%", "with space", "100 %25 ü"]


@pytest.mark.parametrize("name", ODD)
def test_address_means_the_same_file_to_sqlalchemy(name: str) -> None:
    path = Path("/folder") / name / "ledger.db"

    assert sa.make_url(sqlite_address(path)).database == str(path)
    assert sqlite_path(sqlite_address(path)) == path


@pytest.mark.parametrize("address", ["postgresql://h/d", "sqlite://", "http://h:5000"])
def test_other_addresses_have_no_file(address: str) -> None:
    assert sqlite_path(address) is None


def test_options_are_not_part_of_the_file() -> None:
    assert sqlite_path("sqlite:////a/b.db?timeout=9") == Path("/a/b.db")


@pytest.mark.parametrize("name", ODD)
def test_ledger_is_in_the_home_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "homes" / name
    monkeypatch.setenv("VSS_HOME", str(home))
    settings = load_settings()
    existed_before = settings.has_ledger

    open_ledger(settings)

    assert (existed_before, settings.has_ledger) == (False, True)
    assert (home / "ledger.db").is_file()
    assert list(home.parent.iterdir()) == [home]
    assert read_experiment_names(settings.ledger_url) == []
    probe_ledger(settings.ledger_url)
    check_ledger(settings)
