"""The protection of a Ray cluster by a token: without one, it runs the code of anybody.

Imports no ray, as it is asked before the connection is made: an open cluster is shown no token.
"""

import ipaddress
import os
import secrets
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.host_names import look_up
from orchestrator.secrecy.known_values import token_file
from orchestrator.secrecy.secret_files import others_can_read
from vss.errors import UserError

_TIMEOUT_SECONDS = 5
_HARMLESS_CALL = "/ray.rpc.NodeInfoGcsService/CheckAlive"  # refused without the token, if any
_REMEDY = (
    "start it with RAY_AUTH_MODE=token and the same token on all nodes (docs/cluster.md), or add "
    "--insecure if nobody else reaches it"
)


def check_host(address: str) -> None:
    """Check that the host of a cluster's address is known.

    Args:
        address: host:port of its head, or http://host:port of its dashboard; others, such as
            "auto", name no host.

    Raises:
        UserError: if it is not, or a dashboard's address names none.
    """
    if "://" in address and not _host(address):
        raise UserError(f"'{address}' names no host; write http://HOST:8265 or HOST:6379")
    try:
        look_up(_host(address))
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at '{address}': {error}; check --address and RAY_ADDRESS, or "
            "leave them out to run on this machine"
        ) from None


def check_protected(address: str) -> None:
    """Refuse a cluster that is on the network and asks for no token.

    Args:
        address: host:port of its head, or http://host:port of its dashboard; others, such as
            "auto", are checked once they are connected to.

    Raises:
        UserError: if it accepts calls without a token.
    """
    host = _host(address)
    if host is not None and not is_loopback(host) and is_open(address):
        raise UserError(f"the Ray cluster at '{address}' runs anybody's code: {_REMEDY}")


def check_nodes_protected(address: str, hosts: Iterable[str]) -> None:
    """Refuse a cluster that was found on this machine, but has nodes on the network.

    Args:
        address: host:port of its head.
        hosts: the addresses of its nodes.

    Raises:
        UserError: if it accepts calls without a token.
    """
    open_hosts = sorted(host for host in hosts if not is_loopback(host))
    if open_hosts and is_open(address):
        raise UserError(
            f"the Ray cluster at '{address}' runs anybody's code, as it listens on "
            f"{open_hosts[0]}: {_REMEDY}"
        )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine and cannot be reached from another one."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    try:
        addresses = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in addresses)


def is_open(address: str) -> bool:
    """Return whether a cluster answers calls without a token; False if it does not answer."""
    if "://" in address:
        return _is_open_dashboard(address)
    import grpc

    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(_HARMLESS_CALL)(b"", timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError:  # it wants a token or TLS, or is no cluster
            return False
    return True


def _is_open_dashboard(address: str) -> bool:
    url = f"{address.rstrip('/')}/api/version"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _host(address: str) -> str | None:
    """Return the host of an address, or None if it names none."""
    with suppress(ValueError):
        parts = urlsplit(address if "://" in address else f"//{address}")
        if parts.hostname and (parts.port is not None or "://" in address):
            return parts.hostname
    return None


def prepare_token() -> None:
    """Make the token of new Ray instances, unless there is one; only its owner can read it.

    Ray itself would make a file that every user of the machine can read.

    Raises:
        UserError: if the environment turns the token off: every user of this machine could run
            code.
    """
    if os.environ.get("RAY_AUTH_MODE", "token") != "token":
        raise UserError(
            f"RAY_AUTH_MODE={os.environ['RAY_AUTH_MODE']} lets every user of this machine run code "
            "as you: unset it, or add --insecure if there are no other users"
        )
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return
    file = token_file()
    with suppress(OSError):  # a home that cannot be written: Ray says so
        if not file.exists():
            _make_token(file)
    close_token()


def close_token() -> None:
    """Close the default file of the token to other users; Ray itself makes it open."""
    if os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return  # `load_settings` refuses it
    file = token_file()
    with suppress(OSError):  # there is none, or it belongs to another user
        if others_can_read(file):
            file.chmod(0o600)


def _make_token(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # another process was faster
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32))
