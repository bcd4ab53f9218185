"""Addresses with a login: the login apart from the rest, which may be shown and handed on.

An address without its password goes into the arguments of jobs; a worker finds the password in the
environment of its own machine.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote

from vss.errors import UserError

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<rest>.*)", re.DOTALL)
_WEB = ("http://", "https://")


@dataclass(frozen=True)
class Address:
    """An address in two parts.

    Attributes:
        bare: the address without its password, but with its user.
        user: the user, decoded; None without one.
        password: the password as it is written; None without one.
    """

    bare: str
    user: str | None = None
    password: str | None = None


def split_login(address: str) -> Address:
    """Split an address into what may be shown and its password.

    The password may contain "@", "/", "?" and "#" if no other reading of the address makes sense.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return Address(address)
    login, at, host = _split_at_host(match["rest"])
    if not at:
        return Address(address)
    user, colon, password = login.partition(":")
    bare = f"{match['scheme']}{user}@{host}" if user else f"{match['scheme']}{host}"
    return Address(bare, unquote(user), password if colon else None)


def read_address(variable: str, remedy: str) -> str:
    """Return the address in a variable, or "" if it is not set.

    Raises:
        UserError: if it has a password, which jobs would be told.
    """
    address = os.environ.get(variable, "")
    parts = split_login(address)
    if parts.password is not None:
        raise UserError(
            f"{variable}={parts.bare} has a password, which jobs would be told: leave it out; "
            f"{remedy}"
        )
    return address


def _split_at_host(rest: str) -> tuple[str, str, str]:
    """Split what follows the scheme into the login, an "@" if there is one, and the host."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    login, at, host = authority.rpartition("@")
    if at and re.fullmatch(r"[^:]*(?::\d*)?|\[.*\](?::\d*)?", host):
        return login, at, rest.removeprefix(f"{login}@")
    is_host = re.fullmatch(r"[^:]*(?::\d*)?|\[.*\](?::\d*)?", authority) is not None
    if "@" not in rest or (not at and is_host):
        return "", "", rest
    return rest.rpartition("@")


def without_password(address: str) -> str:
    """Return an address without its password: what a job may be told."""
    return split_login(address).bare


def with_own_password(address: str, variable: str) -> str:
    """Return an address with the password that this machine knows for it.

    Args:
        address: an address without a password.
        variable: the environment variable that may name the same address with one.
    """
    own = os.environ.get(variable, "")
    return own if own and without_password(own) == address else address


def take_login_of_server(address: str) -> str:
    """Return the address of an MLflow server without its login, which its client finds elsewhere.

    The client would otherwise show it in messages. The variables that it reads are set here, and
    inherited by the workers of a Ray instance that is started by this process.
    """
    parts = split_login(address)
    if not address.startswith(_WEB) or parts.user is None:
        return address
    if parts.password is not None:
        os.environ["MLFLOW_TRACKING_USERNAME"] = parts.user
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password)
    scheme, _, rest = parts.bare.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
