"""The Compose file: its schema, and what keeps strangers out and the service up."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
CONTENT: dict[str, Any] = YAML(typ="safe").load(FILE)
SERVICES: dict[str, dict[str, Any]] = CONTENT["services"]
OWN_SERVICES = [name for name in SERVICES if name != "postgres"]
every_service = pytest.mark.parametrize("name", SERVICES)


@pytest.mark.slow
def test_file_follows_the_compose_specification() -> None:
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]

    check = subprocess.run([sys.executable, *command], capture_output=True, text=True)

    assert check.returncode == 0, check.stdout


def test_file_has_no_key_that_compose_1_rejects() -> None:
    assert CONTENT.keys().isdisjoint({"name", "include", "configs"})


@every_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@every_service
def test_service_has_neither_root_nor_a_writable_image_nor_capabilities(name: str) -> None:
    service = SERVICES[name]

    assert service["user"] == "${VSS_UID:-1000}:${VSS_GID:-1000}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@every_service
def test_image_has_a_full_version(name: str) -> None:
    assert re.fullmatch(r"[a-z-]+:\d+\.\d+[\w.-]*", SERVICES[name]["image"])


def test_our_image_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert {SERVICES[name]["image"] for name in OWN_SERVICES} == {f"vss-orch:{version}"}


@every_service
def test_running_service_is_checked_and_restarted(name: str) -> None:
    if name == "doctor":
        pytest.skip("it checks the others and ends")

    assert SERVICES[name]["healthcheck"]["start_period"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@every_service
def test_service_starts_once_what_it_needs_is_healthy(name: str) -> None:
    needs = SERVICES[name].get("depends_on", {})

    assert all(need == {"condition": "service_healthy"} for need in needs.values())
    assert bool(needs) == (name != "postgres")


@every_service
def test_secrets_come_from_files_and_are_declared(name: str) -> None:
    service, declared = SERVICES[name], CONTENT["secrets"]
    named_files = set(re.findall(r"/run/secrets/(\w+)", str(service)))

    assert named_files <= set(service["secrets"]) <= declared.keys()
    passwords = [
        key for key in service["environment"] if key.endswith(("PASSWORD", "TOKEN", "KEY"))
    ]
    assert passwords == []


def test_secrets_are_out_of_the_repository_and_the_image() -> None:
    files = {secret["file"] for secret in CONTENT["secrets"].values()}

    assert all(file.startswith("./deploy/secrets/") for file in files)
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().startswith("*\n")


def test_no_address_contains_a_password() -> None:
    assert re.findall(r"//[^/\s]*:[^/\s]*@", FILE.read_text()) == []


def test_mlflow_has_users_and_answers_only_to_its_own_names() -> None:
    command = SERVICES["mlflow"]["command"]
    (hosts,) = (argument for argument in command if argument.startswith("--allowed-hosts="))

    assert "--app-name=basic-auth" in command
    assert {"mlflow", "mlflow:5000"} <= set(hosts.partition("=")[2].split(","))
    assert "*" not in hosts


@pytest.mark.parametrize("name", ["ray-head", "ray-worker", "ray-worker-cpu", "doctor"])
def test_ray_demands_a_token(name: str) -> None:
    environment = SERVICES[name]["environment"]

    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"


def test_both_kinds_of_workers_differ_only_in_their_gpus() -> None:
    gpu, cpu = dict(SERVICES["ray-worker"]), dict(SERVICES["ray-worker-cpu"])
    (device,) = gpu.pop("deploy")["resources"]["reservations"]["devices"]

    assert (device["count"], device["capabilities"]) == ("all", ["gpu"])
    assert (gpu.pop("profiles"), cpu.pop("profiles")) == (["gpu"], ["cpu"])
    assert gpu == cpu
