"""Addresses and their passwords, apart and together again."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.secrecy.addresses import (
    Address,
    split_login,
    take_login_of_server,
    with_own_password,
    without_password,
)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("postgresql://vss:pw@db/x", Address("postgresql://vss@db/x", "vss", "pw")),
        ("postgresql://vss@db/x", Address("postgresql://vss@db/x", "vss")),
        ("postgresql://vss:pw@db/x?o=a@b", Address("postgresql://vss@db/x?o=a@b", "vss", "pw")),
        ("http://a:p@q@[::1]:5000/", Address("http://a@[::1]:5000/", "a", "p@q")),
        ("http://a:p/q@host", Address("http://a@host", "a", "p/q")),
        ("http://host/x@y", Address("http://host/x@y")),
        ("http://host:5000/x:y@z", Address("http://host:5000/x:y@z")),
        ("redis://:pw@host", Address("redis://host", "", "pw")),
        ("sqlite:////a:b@c/ledger.db", Address("sqlite:////a:b@c/ledger.db")),
        ("/folder/a:b@c", Address("/folder/a:b@c")),
        ("", Address("")),
    ],
)
def test_address_is_split_where_its_client_would_split_it(address: str, parts: Address) -> None:
    assert split_login(address) == parts


@pytest.mark.slow
@given(st.from_regex(r"[^\s@:/?#]+", fullmatch=True), st.from_regex(r"[^\s/?#]+", fullmatch=True))
def test_split_address_has_no_password(user: str, password: str) -> None:
    parts = split_login(f"postgresql://{user}:{password}@host:5432/db")

    assert parts.bare == f"postgresql://{user}@host:5432/db"
    assert parts.password == password


def test_worker_takes_the_password_for_the_same_address_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://vss:pw@db/mlflow")
    other = "postgresql://vss@elsewhere/mlflow"

    own = with_own_password("postgresql://vss@db/mlflow", "MLFLOW_TRACKING_URI")

    assert own == "postgresql://vss:pw@db/mlflow"
    assert with_own_password(other, "MLFLOW_TRACKING_URI") == other


def test_login_of_a_server_goes_where_its_client_looks_for_it() -> None:
    address = take_login_of_server("http://vss:p%40ss@host:5000")

    assert address == "http://host:5000"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "vss"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "p@ss"


@pytest.mark.parametrize("address", ["http://host:5000", "postgresql://a:b@db/x", "sqlite:///x"])
def test_other_addresses_keep_what_they_have(address: str) -> None:
    assert take_login_of_server(address) == address


def test_address_without_a_password_stays_as_it_is() -> None:
    assert without_password("sqlite:////home/runs/mlflow.db") == "sqlite:////home/runs/mlflow.db"
