"""Storage that is not a folder, as fsspec reaches it: its file system, and its errors in our words.

Each file system has errors of its own. They become `UnreachableStorageError` if waiting may help,
so that a worker waits, and `UserError` if only the user can mend them.
"""

import errno
import functools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.secrecy.redaction import redact
from vss.errors import UserError
from vss.untrusted.messages import one_line

# The packages that fsspec needs for some schemes.
_PACKAGES = {"s3": "'vss-orch[s3]'", "gcs": "gcsfs", "gs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
# What s3fs raises for requests that the service understands and refuses.
_REFUSALS = {
    errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EMSGSIZE, errno.ENAMETOOLONG,
    getattr(errno, "EREMCHG", errno.ENOENT),
}  # fmt: skip
# `rm` and `find` of fsspec take these for patterns, and delete what matches.
_PATTERN = re.compile(r"[*?\[\]#\x00-\x1f\x7f]")
_S3_ATTEMPTS = 2  # of botocore; s3fs makes 5 more around them, and a worker tries again for ever


class UnreachableStorageError(UserError, ConnectionError):
    """Raised when the storage does not answer: a command says so, a worker waits."""

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def reach(address: str) -> Iterator[tuple[Any, str]]:
    """Yield the file system of an address and the path in it; turn its errors into OSErrors.

    Raises:
        UserError: if the address or the access is wrong.
        UnreachableStorageError: if it does not answer.
    """
    try:
        yield _open(address)
    except (UserError, FileNotFoundError, FileExistsError):
        raise
    except PermissionError as error:
        raise UserError(
            f"no access to VSS_STORAGE={address}: {error_text(error)}{_remedy(address)}"
        ) from None
    except Exception as error:
        if _is_of_this_machine(error):
            raise
        raise _translate(address, error) from error


def _is_of_this_machine(error: Exception) -> bool:
    """Return whether an error is that of a local file, such as a full disk at a download."""
    is_plain = isinstance(error, OSError) and type(error).__module__ == "builtins"
    return is_plain and error.__cause__ is None and not isinstance(error, TimeoutError)


def _translate(address: str, error: Exception) -> UserError:
    if isinstance(error, NotImplementedError):
        return UserError(
            f"VSS_STORAGE={address} cannot be written: write a folder or s3://bucket/prefix"
        )
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return UserError(f"VSS_STORAGE={address} is refused: {error_text(error)}{_remedy(address)}")
    problem = "does not answer" if _is_outage(error) else "cannot be used"
    message = f"{address} {problem}: {error_text(error)}{_remedy(address)}"
    return UnreachableStorageError(errno.EHOSTUNREACH, message)


def _is_outage(error: Exception) -> bool:
    """Return whether a service is silent; its client may also lack credentials or a region."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    is_of_client = "BotoCoreError" in kinds and not kinds & {"HTTPClientError", "ConnectionError"}
    return not is_of_client and not isinstance(error, ValueError)


def _remedy(address: str) -> str:
    is_s3 = address.startswith(("s3://", "s3a://"))
    return "; check the AWS_ variables, such as AWS_ENDPOINT_URL, on this machine" if is_s3 else ""


def error_text(error: BaseException) -> str:
    """Return what an error of the storage says, on one line and without secrets.

    It goes into logs; the address of the service may contain a password.
    """
    strerror = getattr(error, "strerror", None)  # without "[Errno 22]", which is not the service's
    return one_line(redact(strerror or str(error))).rstrip(".") or type(error).__name__


@functools.cache
def _open(address: str) -> tuple[Any, str]:
    import fsspec

    options: dict[str, Any] = {}
    if address.startswith(("s3://", "s3a://")) and "AWS_MAX_ATTEMPTS" not in os.environ:
        # With its default of 5, a service that hangs is given up after more than 6 minutes.
        options["config_kwargs"] = {"retries": {"total_max_attempts": _S3_ATTEMPTS}}
    try:
        # What other machines write must be seen at once.
        files, root = fsspec.core.url_to_fs(address, use_listings_cache=False, **options)
    except ImportError:
        scheme = address.partition("://")[0]
        package = _PACKAGES.get(scheme, f"(what fsspec names for {scheme})")
        raise UserError(
            f"VSS_STORAGE={address} needs another package: pip install {package}"
        ) from None
    except ValueError as error:
        raise UserError(
            f"VSS_STORAGE={address}: {error}; write a folder or s3://bucket/prefix"
        ) from None
    return files, root.rstrip("/")


def check_address(address: str) -> None:
    """Check the form of an address.

    Raises:
        UserError: if it names no place that workers share, or has characters with a meaning.
    """
    scheme, _, place = address.partition("://")
    if scheme == "memory" or not place.strip("/"):
        raise UserError(
            f"VSS_STORAGE={address} names no place that workers share: write a folder or "
            "s3://bucket/prefix"
        )
    if scheme in ("http", "https"):
        raise UserError(
            f"VSS_STORAGE={address}: write s3://bucket/prefix, and the address of the service "
            "into AWS_ENDPOINT_URL"
        )
    if scheme == "file":
        if not place.startswith("/"):
            raise UserError(f"VSS_STORAGE={address}: write file:///PATH, with three slashes")
    elif letter := _PATTERN.search(place):
        raise UserError(
            f"VSS_STORAGE={address} contains {letter[0]!r}, which the storage's client takes for "
            "a pattern: leave it out"
        )
