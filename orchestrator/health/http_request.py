"""One HTTP request, answered fast or not at all."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.host_names import look_up

_TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Answer:
    """The answer to a request; its status is 200 if it was granted."""

    status: int
    text: str


def get(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Request a page; an error status is an answer too.

    Raises:
        OSError: if nothing answers, or not with HTTP.
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310  # the user's
    look_up(urlsplit(url).hostname)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            return Answer(response.status, response.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.reason)
    except ValueError as error:
        raise OSError(str(error)) from None


def explain(error: OSError) -> str:
    """Return the reason of a failed request in a few words."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(getattr(reason, "strerror", None) or reason)
