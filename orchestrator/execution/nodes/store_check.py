"""The check that machines do not share a database that is a file of one of them."""

from orchestrator.settings import Settings
from vss.errors import UserError


def check_stores(settings: Settings, reason: str) -> None:
    """Check that several machines can reach the ledger and MLflow.

    Args:
        settings: the addresses of both.
        reason: why there are several machines, as the beginning of a message.

    Raises:
        UserError: if one of them is a file.
    """
    if _is_file(settings.ledger_url):
        raise UserError(
            f"{reason}, but the ledger is a file "
            f"({settings.ledger_url}): set VSS_LEDGER_URL to a database server, for "
            "example postgresql://user@host/database"
        )
    if _is_file(settings.tracking_uri):
        raise UserError(
            f"{reason}, but MLflow's store is a file "
            f"({settings.tracking_uri}): set MLFLOW_TRACKING_URI to an MLflow server that all of "
            "them reach, for example http://host:5000"
        )


def _is_file(address: str) -> bool:
    return address.startswith(("sqlite:", "file:", "/"))
