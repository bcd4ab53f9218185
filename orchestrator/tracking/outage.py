"""Outages of the tracking store: the errors after which the same call may succeed later."""

from collections.abc import Iterator

from mlflow.exceptions import MlflowException

from orchestrator.tracking import store
from vss.errors import UserError

_TRANSIENT_CODES = {
    "INTERNAL_ERROR",  # also if the server does not answer, or has no database
    "TEMPORARILY_UNAVAILABLE",
    "IO_ERROR",
    "SERVICE_UNDER_MAINTENANCE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "REQUEST_LIMIT_EXCEEDED",
    "COULD_NOT_ACQUIRE_LOCK",
}
# Errors of the operating system that stay until somebody changes something.
_MISTAKES = (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError)


class TrackingUnreachableError(UserError):
    """Raised when the tracking store cannot be reached.

    Attributes:
        outage: the reason in a few words; None if waiting would not help.
    """

    def __init__(self, message: str, outage: str | None = None) -> None:
        super().__init__(message)
        self.outage = outage


def find_outage(error: BaseException) -> str | None:
    """Return the reason of an outage in a few words, or None if an error is something else."""
    if isinstance(error, TrackingUnreachableError):
        return error.outage
    is_transient = isinstance(error, MlflowException) and error.error_code in _TRANSIENT_CODES
    # MLflow does not wrap all errors of databases, whose drivers agree on this name.
    is_of_database = any(type(cause).__name__ == "OperationalError" for cause in _causes(error))
    is_of_system = isinstance(error, OSError) and not isinstance(error, _MISTAKES)
    if is_transient or is_of_database or is_of_system:
        return store.find_root_cause(error)[:100].lower()
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
