"""The check that several nodes do not share a file."""

from dataclasses import replace

import pytest

from orchestrator.execution.nodes.store_check import check_stores
from orchestrator.settings import Settings
from vss.errors import UserError

SERVERS = {
    "ledger_url": "postgresql+psycopg://user@db/ledger",
    "tracking_uri": "http://mlflow:5000",
}


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ({"ledger_url": "sqlite:////home/ledger.db"}, "set VSS_LEDGER_URL to a database server"),
        ({"tracking_uri": "sqlite:////home/mlflow.db"}, "set MLFLOW_TRACKING_URI to an MLflow"),
    ],
)
def test_file_is_refused_if_there_are_several_nodes(
    file: dict[str, str], remedy: str, settings: Settings
) -> None:
    settings = replace(settings, **{**SERVERS, **file})

    with pytest.raises(UserError, match=f"the cluster has 2 nodes, but .*: {remedy}"):
        check_stores(settings, "the cluster has 2 nodes")


def test_servers_serve_several_nodes(settings: Settings) -> None:
    check_stores(replace(settings, **SERVERS), "the cluster has 2 nodes")
