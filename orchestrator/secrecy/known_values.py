"""The secrets that this process knows: all of them come from its environment, or files named there.

Each in the forms in which libraries print it: as it is, percent-encoded, escaped, as a header.
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from orchestrator.secrecy.addresses import split_login

# Of any program: what is called like this is secret.
_SECRET_VARIABLE = re.compile(
    r"PGPASSWORD|.*_(?:PASSWORD|PASSWD|TOKEN|SECRET|SECRET_KEY|SECRET_ACCESS_KEY|API_KEY)"
)
_ADDRESSES = ("VSS_LEDGER_URL", "MLFLOW_TRACKING_URI", "MLFLOW_BACKEND_STORE_URI", "VSS_STORAGE")
_NOTIFY = "VSS_NOTIFY"
# Apprise's services take tokens as parts of their addresses.
_TOKEN_IN_ADDRESS = re.compile(r"[\w%+~-]{16,}")


def is_secret_variable(name: str) -> bool:
    """Return whether the value of a variable is secret as a whole."""
    return name == _NOTIFY or _SECRET_VARIABLE.fullmatch(name) is not None


def known_values() -> tuple[str, ...]:
    """Return every known secret in all of its forms, in the order in which they were found."""
    forms = (form for value in _values() for form in _forms(value))
    return tuple(dict.fromkeys((*forms, *_headers())))


def _values() -> Iterator[str]:
    for name, value in os.environ.items():
        if name != _NOTIFY and is_secret_variable(name):
            yield value
    for name in _ADDRESSES:
        yield from _password_in(os.environ.get(name, ""))
    for address in re.split(r"[\s,]+", os.environ.get(_NOTIFY, "")):
        yield from _password_in(address)
        yield from _TOKEN_IN_ADDRESS.findall(address.partition("://")[2])
    yield from _token_of_ray()


def _password_in(address: str) -> Iterator[str]:
    password = split_login(address).password
    if password is not None:
        yield password


def _token_of_ray() -> Iterator[str]:
    try:
        yield token_file().read_text().strip()
    except (OSError, UnicodeDecodeError):
        return


def token_file() -> Path:
    """Return the file in which Ray looks for its token."""
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(path).expanduser() if path else Path.home() / ".ray" / "auth_token"


def _forms(value: str) -> Iterator[str]:
    for text in (value, unquote(value)):
        yield text
        yield quote(text, safe="")
        yield quote(text)
        yield quote_plus(text)
        yield json.dumps(text)[1:-1]
        yield repr(text)[1:-1]


def _headers() -> Iterator[str]:
    """Yield what a client of MLflow sends to log in."""
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{key}") for key in ("USERNAME", "PASSWORD"))
    if user and password:
        yield base64.b64encode(f"{user}:{password}".encode()).decode()
