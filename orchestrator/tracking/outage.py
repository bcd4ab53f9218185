"""Outages of the tracking store: the errors after which the same call may succeed later."""

from collections.abc import Iterator

from mlflow.exceptions import MlflowException

from orchestrator.tracking import store

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


def find_outage(error: BaseException) -> str | None:
    """Return the reason of an outage in a few words, or None if an error is something else."""
    if isinstance(error, store.TrackingUnreachableError):
        return error.outage
    is_transient = isinstance(error, MlflowException) and error.error_code in _TRANSIENT_CODES
    # MLflow does not wrap all errors of databases, whose drivers agree on this name.
    is_of_database = any(type(cause).__name__ == "OperationalError" for cause in _causes(error))
    if is_transient or is_of_database or store.is_transient(error):
        return store.find_root_cause(error)[:100].lower()
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
