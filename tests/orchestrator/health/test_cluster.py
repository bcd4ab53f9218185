"""The check of the Ray cluster."""

import json
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path

import pytest

from orchestrator.execution.cluster.head import Head, head_file
from orchestrator.health.cluster import check_ray
from orchestrator.health.finding import Finding, Level
from orchestrator.settings import Settings
from tests.conftest import free_port
from tests.orchestrator.health.conftest import Serve

INSTALLED = json.dumps({"ray_version": metadata.version("ray")})


@pytest.fixture(autouse=True)
def _own_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's own token of Ray."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_cluster_each_submit_starts_its_own(settings: Settings) -> None:
    assert check_ray(settings) == Finding("Ray", Level.OK, "each submit starts its own")


def test_cluster_that_does_not_answer_is_a_problem(settings: Settings) -> None:
    address = f"127.0.0.1:{free_port()}"

    finding = check_ray(replace(settings, ray_address=address))

    assert finding.level == Level.PROBLEM
    assert finding.text == f"no cluster answers at {address}: Connection refused"


@pytest.mark.parametrize("address", ["nosuch", "host:port", "host:99999", "ray://host", "http://"])
def test_address_of_another_form_is_a_problem(settings: Settings, address: str) -> None:
    finding = check_ray(replace(settings, ray_address=address))

    assert finding.level == Level.PROBLEM
    assert finding.text.startswith(f"RAY_ADDRESS={address} is not HOST:PORT")


def test_ray_itself_finds_the_cluster_of_this_machine(settings: Settings) -> None:
    finding = check_ray(replace(settings, ray_address="auto"))

    assert finding == Finding("Ray", Level.OK, "RAY_ADDRESS=auto is resolved by Ray itself")


def test_token_for_the_cluster_is_tried(
    settings: Settings, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = serve({"/api/version": (200, INSTALLED)}, token="Bearer right")
    settings = replace(settings, ray_address=address)
    without_token = check_ray(settings)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    wrong = check_ray(settings)
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    file = tmp_path / "token"
    file.write_text("right\n")
    file.chmod(0o600)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))

    right = check_ray(settings)

    assert without_token.text == f"{address} needs a token"
    assert wrong.text == f"{address} refuses this token"
    assert without_token.level == wrong.level == Level.PROBLEM
    assert right.level == Level.OK


def test_persistent_head_is_checked_by_its_dashboard(settings: Settings, serve: Serve) -> None:
    dashboard = serve({"/api/version": (200, '{"ray_version": "1.0"}')})
    head = Head(1, dashboard.removeprefix("http://"), dashboard)
    head_file().parent.mkdir(parents=True)
    head_file().write_text(json.dumps(asdict(head)))

    finding = check_ray(settings)

    assert finding.level == Level.PROBLEM
    assert finding.text.startswith(f"{head.address} runs Ray 1.0, but {metadata.version('ray')} is")


def test_token_that_others_can_read_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text("token")
    file.chmod(0o644)

    finding = check_ray(settings)

    assert (finding.level, finding.remedy) == (Level.WARNING, f"chmod 600 {file}")


def test_missing_file_of_a_token_is_a_problem(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))

    assert check_ray(settings).level == Level.PROBLEM
