"""A local server of the MLflow UI, opened at an experiment's runs."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

from orchestrator.secrecy import redact
from vss.errors import UserError

_START_SECONDS = 90.0
_STOP_SECONDS = 15.0
# Browsers resolve any name below "localhost" to this machine, except for Safari. Under the usual
# names, the UI opens its chat assistant over the page, once in every browser.
BROWSER_HOST = "127.0.0.1" if sys.platform == "darwin" else "mlflow.localhost"
_BLOCKED_BY_BROWSERS = frozenset({5060, 5061})  # by Chromium and Firefox, of the first hundred
_HOSTS = ("localhost", "127.0.0.1", BROWSER_HOST)


def find_free_port(first: int) -> int:
    """Return the first unused port on loopback, starting from `first`."""
    last = min(first + 99, 65_535)
    for port in range(first, last + 1):
        if port in _BLOCKED_BY_BROWSERS:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise UserError(f"no free port from {first} to {last}: choose a different --port")


def serve(
    tracking_uri: str, pages: Mapping[str, str], port: int, say: Callable[[str], object]
) -> None:
    """Serve pages of the UI until Ctrl-C or SIGTERM, and open the first one.

    A tracking server has its own UI, so only addresses are printed.

    Args:
        tracking_uri: address of the store.
        pages: what a page shows -> the part of its address after the host.
        port: first port to try.
        say: a function that prints a line.
    """
    if tracking_uri.startswith(("http://", "https://")):
        _say_addresses(tracking_uri.rstrip("/"), pages, say)
        return
    for number in (signal.SIGTERM, signal.SIGHUP):  # they stop the server like Ctrl-C
        signal.signal(number, signal.default_int_handler)
    free_port = find_free_port(port)
    with mlflow_server(tracking_uri, free_port) as server_address:
        address = f"http://{BROWSER_HOST}:{free_port}"
        _say_addresses(address, pages, say)
        say(f"Press Ctrl-C to stop. Other programs than browsers reach it at {server_address}")
        if sys.stdout.isatty():
            webbrowser.open(f"{address}/{next(iter(pages.values()))}")
        with suppress(KeyboardInterrupt):
            signal.pause()


def _say_addresses(host: str, pages: Mapping[str, str], say: Callable[[str], object]) -> None:
    for title, page in pages.items():
        say(f"{title + ':':<10} {host}/{page}")


@contextmanager
def mlflow_server(tracking_uri: str, port: int) -> Iterator[str]:
    """Serve a store's UI on loopback while the block runs.

    Yields:
        the address of the server, once it answers.

    Raises:
        UserError: if the server exits or does not answer; the message quotes its last line.
    """
    command = [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    environment = {
        **os.environ,
        # Not an argument, which every user of the machine can read: it may have a password.
        "MLFLOW_BACKEND_STORE_URI": tracking_uri,
        # Halves memory use and cuts start-up time to a third.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Without it, a tty.py or select.py in the working directory would stand in for Python's.
        "PYTHONSAFEPATH": "1",
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(f"{host}:*" for host in _HOSTS),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://{BROWSER_HOST}:*",
    }
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(  # noqa: S603
            command,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,  # its children must end with it
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(address, server, log)
            yield address
        finally:
            _end_group(server)


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise UserError(
                f"the MLflow server exited with code {server.returncode}: {_last_line(log)}"
            )
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310  # loopback
                return
        except OSError:
            time.sleep(0.3)
    raise UserError(
        f"the MLflow server did not answer within {_START_SECONDS:.0f} s: {_last_line(log)}"
    )


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return redact(lines[-1]) if lines else "it printed nothing"


def _end_group(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
