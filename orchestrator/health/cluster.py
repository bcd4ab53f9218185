"""The check of the Ray cluster that a submit would use; it starts none."""

import json
import os
import socket
from importlib import metadata
from urllib.parse import urlsplit

from orchestrator.execution.cluster import head as ray_head
from orchestrator.execution.cluster.protection import is_loopback, is_open
from orchestrator.health import http_request
from orchestrator.health.finding import Finding, Level
from orchestrator.host_names import look_up
from orchestrator.secrecy.known_values import token_file
from orchestrator.secrecy.secret_files import others_can_read
from orchestrator.settings import Settings

_RESOLVED_BY_RAY = ("auto", "local")
_PORTS = {"http": 80, "https": 443}
_DASHBOARD_PORT = 8265
_TIMEOUT_SECONDS = 5
_TOKEN = "set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to the file of the cluster's token"  # noqa: S105
_OPEN = "start Ray with RAY_AUTH_MODE=token and the same token on all nodes"
_ADDRESS = "check RAY_ADDRESS, or unset it to run on this machine"


def check_ray(settings: Settings) -> Finding:
    """Check that the cluster answers, accepts the user's token and runs the same version."""
    if settings.ray_address is not None:
        return _check_address(settings.ray_address)
    head = ray_head.find_running_head()
    if head is None:
        return _check_token_file() or Finding("Ray", Level.OK, "each submit starts its own")
    return _check_dashboard(head.address, head.dashboard_url)


def _check_address(address: str) -> Finding:
    if address in _RESOLVED_BY_RAY:
        return Finding("Ray", Level.OK, f"RAY_ADDRESS={address} is resolved by Ray itself")
    is_dashboard = address.startswith(("http://", "https://"))
    parts = urlsplit(address if is_dashboard else f"//{address}")
    try:
        port = parts.port or (_PORTS[parts.scheme] if is_dashboard else None)
    except ValueError:  # no number, or too large
        port = None
    if not parts.hostname or port is None:
        text = f"RAY_ADDRESS={address} is not HOST:PORT, nor the http://HOST:PORT of a dashboard"
        return Finding("Ray", Level.PROBLEM, text, _ADDRESS)
    try:
        look_up(parts.hostname)
        socket.create_connection((parts.hostname, port), timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        text = f"no cluster answers at {address}: {error.strerror or error}"
        return Finding("Ray", Level.PROBLEM, text, _ADDRESS)
    dashboard = f"http://{parts.hostname}:{_DASHBOARD_PORT}"
    return _check_dashboard(address, address.rstrip("/") if is_dashboard else dashboard)


def _check_dashboard(address: str, dashboard: str) -> Finding:
    """Check token and version by the dashboard, which needs the same token as the cluster."""
    if not is_loopback(urlsplit(dashboard).hostname or "") and is_open(address):
        text = f"{address} asks for no token: whoever reaches it runs code on its nodes"
        return Finding("Ray", Level.PROBLEM, text, _OPEN)
    token = _read_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = http_request.get(f"{dashboard}/api/version", headers)
    except OSError:
        text = f"{address} answers; its token was not checked, as {dashboard} does not answer"
        return Finding("Ray", Level.WARNING, text, "open the dashboard's port to this machine")
    if answer.status in (401, 403):
        state = "refuses this token" if token else "needs a token"
        return Finding("Ray", Level.PROBLEM, f"{address} {state}", _TOKEN)
    if answer.status != 200:
        text = f"{dashboard} is no Ray dashboard (status {answer.status})"
        return Finding("Ray", Level.WARNING, f"{address} answers, but {text}", _ADDRESS)
    running, installed = json.loads(answer.text).get("ray_version"), metadata.version("ray")
    if running != installed:
        text = f"{address} runs Ray {running}, but {installed} is installed here"
        return Finding("Ray", Level.PROBLEM, text, f"pip install 'ray[default,tune]=={running}'")
    return _check_token_file() or Finding("Ray", Level.OK, f"{address} runs Ray {running}")


def _read_token() -> str | None:
    """Return the token that Ray's client would show, or None."""
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        return token
    try:
        return token_file().read_text().strip() or None
    except OSError:
        return None


def _check_token_file() -> Finding | None:
    """Return a finding if the file of the token is missing, or others can read it."""
    file = token_file()
    if os.environ.get("RAY_AUTH_TOKEN"):
        return None
    if not file.exists():
        if os.environ.get("RAY_AUTH_TOKEN_PATH"):
            return Finding("Ray", Level.PROBLEM, f"RAY_AUTH_TOKEN_PATH={file} is missing", _TOKEN)
        return None
    if not os.environ.get("RAY_AUTH_TOKEN_PATH") and others_can_read(file):
        text = f"other users can read the token in {file}"
        return Finding("Ray", Level.WARNING, text, f"chmod 600 {file}")
    return None
