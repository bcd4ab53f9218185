"""The connection to Ray: join a cluster, or start a local Ray instance.

Ray reads its environment when it is imported, so it is imported only after `connect` has set it.
"""

import atexit
import functools
import logging
import os
import re
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from orchestrator.execution.cluster import protection
from orchestrator.execution.cluster.quiet import redirect_native_errors
from orchestrator.execution.cluster.watch import Watch
from orchestrator.secrecy import redact
from orchestrator.secrecy.known_values import token_file
from orchestrator.settings import is_verbose
from vss.errors import UserError

_QUOTED_LOG = re.compile(r"The last \d+ lines of (\S+)")
_USER_ERROR = 2  # the exit code of a command that ends with a RayDiedError


@dataclass(frozen=True)
class Connection:
    """A connection to Ray.

    Attributes:
        dashboard_url: address of its dashboard, or None if it has none.
        address: address by which others can join it.
        watch: the watch over its processes.
    """

    dashboard_url: str | None
    address: str
    watch: Watch


def connect(
    address: str | None, error_log: Path | None = None, is_insecure: bool = False
) -> Connection:
    """Join a cluster, or start a Ray instance on this machine.

    Args:
        address: address of a running cluster (host:port or auto), or None to start Ray.
        error_log: a file for what Ray's native code prints from now on, or None for the terminal.
        is_insecure: whether it may do without a token.

    Raises:
        UserError: if no cluster answers there, it is open to others, or the address is of another
            kind.
        RuntimeError: if the new Ray instance would listen to the network.
    """
    check_address(address, is_insecure)
    if address is None and not is_insecure:
        protection.prepare_token()
    prepare_environment(address)
    import ray

    options: dict[str, Any] = {"log_to_driver": is_verbose(), "configure_logging": is_verbose()}
    if not is_verbose():
        silence()
        if error_log is not None:
            redirect_native_errors(error_log)
    if address is None:
        # "local", as Ray would mistake the file left by a killed cluster for a running one.
        # Little passes through the object store.
        options |= {"include_dashboard": True, "object_store_memory": 100 * 2**20}
        _choose_ports_freely()
    try:
        context = ray.init(address=address or "local", **options)
    except Exception as error:  # Ray raises many kinds of errors, also plain ones
        reason = explain(error)
        if address is None:
            raise UserError(f"cannot start Ray on this machine: {reason}") from None
        raise UserError(
            f"no Ray cluster at '{address}': {reason}; if it needs a token, set "
            "RAY_AUTH_TOKEN_PATH to the token's file"
        ) from None
    if address is None:
        _check_loopback(ray.util.get_node_ip_address())
    url = context.dashboard_url
    gcs_address = ray.get_runtime_context().gcs_address
    if address is not None and not is_insecure:
        _check_nodes(gcs_address)
    watch = Watch({"Ray's head": gcs_address, "Ray's raylet on this machine": _find_raylet()})
    return Connection(f"http://{url}" if url else None, gcs_address, watch)


def explain(error: Exception) -> str:
    """Return one line that says why Ray did not start; of a log that Ray quotes, its path."""
    line = redact((str(error).strip() or type(error).__name__).splitlines()[0])
    if quote := _QUOTED_LOG.match(line):
        return f"{quote[1]} says why; if the machine is busy, try again"
    return line


def disconnect(watch: Watch | None) -> None:
    """Disconnect; if `connect` started Ray, shut it down.

    Args:
        watch: the watch of the connection, which would take the shutdown for Ray's death.
    """
    import ray

    if watch is not None:
        watch.stop()
    ray.shutdown()


def disconnect_in_background(watch: Watch) -> None:
    """Disconnect while this process goes on, which waits for it before it exits."""
    watch.stop()
    if watch.has_failed:
        _abandon()
    else:
        threading.Thread(target=disconnect, args=[watch]).start()


def _check_nodes(gcs_address: str) -> None:
    """Refuse a cluster without a token whose nodes others can reach, and leave it."""
    import ray

    try:
        hosts = [node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]]
        protection.check_nodes_protected(gcs_address, hosts)
    except UserError:
        disconnect(watch=None)
        raise


def _find_raylet() -> str:
    """Return the address of the raylet that this process is connected to."""
    import ray

    node_id = ray.get_runtime_context().get_node_id()
    node = next(node for node in ray.nodes() if node["NodeID"] == node_id)
    return f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"


def _abandon() -> None:
    """End what is left of a Ray instance that has died.

    To disconnect from it properly takes a minute, at whose end Ray would exit the process.
    """
    import ray._private.worker

    atexit.unregister(ray._private.worker.shutdown)
    node = ray._private.worker._global_node
    if node is not None and node.head:
        node.kill_all_processes(check_alive=False, allow_graceful=False)
    # Ray's threads would crash the interpreter on its way out.
    atexit.register(_exit_at_once)


def _exit_at_once() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_USER_ERROR)


def prepare_environment(address: str | None) -> None:
    """Set the variables that Ray reads when it is imported, for a cluster at an address."""
    if address is None or _host(address) in ("127.0.0.1", "localhost"):
        # On Linux, Ray listens on all interfaces; on macOS and Windows, only on loopback unless
        # this variable allows multi-machine clusters. `ray.init` has no such option.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if (
        os.environ.get("RAY_AUTH_TOKEN")
        or os.environ.get("RAY_AUTH_TOKEN_PATH")
        or token_file().exists()
    ):
        # Without this, a client does not present its token.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        protection.close_token()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def silence() -> None:
    """Keep Ray's own lines away from the user's terminal."""
    import ray._private.worker

    logging.getLogger("ray").setLevel(logging.CRITICAL)  # its errors are raised too
    # `log_to_driver=False` does not stop what the raylet says about killed workers; Ray's debugger
    # silences it with this switch.
    ray._private.worker._worker_logs_enabled = False


def _choose_ports_freely() -> None:
    """Let a new Ray instance work beside others on this machine.

    Its agent, which starts jobs, would insist on port 52365, and `ray.init` has no such option.
    """
    from ray._private import parameter

    choose_port = functools.partial(parameter.RayParams, dashboard_agent_listen_port=0)
    setattr(parameter, "RayParams", choose_port)  # noqa: B010  # to mypy, it is a type


def _check_loopback(node_address: str) -> None:
    """Refuse a Ray instance that is open to the network: it would run anybody's code."""
    if node_address != "127.0.0.1":
        disconnect(watch=None)
        raise RuntimeError(
            f"Ray would listen on {node_address}, not on loopback: it was imported before connect()"
        )


def check_address(address: str | None, is_insecure: bool = False) -> None:
    """Check that a cluster can be joined at an address: that of its head, which answers.

    Args:
        address: address of a running cluster, or None.
        is_insecure: whether it may do without a token.

    Raises:
        UserError: if it has another form, nothing listens there, or it is open to others.
    """
    if address is None:
        return
    if "://" in address:
        _refuse_protocol(address)
    _check_answers(address)
    if not is_insecure:
        protection.check_protected(address)


def _refuse_protocol(address: str) -> NoReturn:
    """Refuse Ray's other protocols: neither its client nor its Jobs API passes on heartbeats."""
    host = urlsplit(address).hostname or "HOST"
    if urlsplit(address).scheme in ("http", "https"):
        raise UserError(
            f"'{address}' is a cluster's dashboard, which takes whole submits only: on one of its "
            f"nodes, give {host}:6379 (or the port that `ray start --head` printed)"
        )
    raise UserError(
        f"'{address}' is not an address that trials can run on: give http://{host}:8265, the "
        f"cluster's dashboard, or on one of its nodes {host}:6379"
    )


def _host(address: str) -> str:
    return address.rpartition("://")[2].rpartition(":")[0]


def _check_answers(address: str) -> None:
    """Check that something listens there: Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return  # "auto" and the like
    protection.check_host(address)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at '{address}': {error.strerror or error}; "
            "check --address and RAY_ADDRESS, or leave them out to run on this machine"
        ) from None
