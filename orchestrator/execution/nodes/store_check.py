"""The check that several nodes do not share a database that is a file of one of them."""

from orchestrator.settings import Settings
from vss.errors import UserError


def check_stores(settings: Settings, node_count: int) -> None:
    """Check that every node of a cluster can reach the ledger and MLflow.

    Raises:
        UserError: if one of them is a file, although there are several nodes.
    """
    if node_count < 2:
        return
    if _is_file(settings.ledger_url):
        raise UserError(
            f"the cluster has {node_count} nodes, but the ledger is a file "
            f"({settings.ledger_url}): set VSS_LEDGER_URL to a database server, for "
            "example postgresql://user@host/database"
        )
    if _is_file(settings.tracking_uri):
        raise UserError(
            f"the cluster has {node_count} nodes, but MLflow's store is a file "
            f"({settings.tracking_uri}): set MLFLOW_TRACKING_URI to an MLflow server that all of "
            "them reach, for example http://host:5000"
        )


def _is_file(address: str) -> bool:
    return address.startswith(("sqlite:", "file:", "/"))
