"""deploy/kuberay.yaml, which no test runs: what makes it safe and able to resume."""

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
SPEC: dict[str, Any] = YAML(typ="safe").load(ROOT / "deploy" / "kuberay.yaml")["spec"]
CLUSTER = SPEC["rayClusterSpec"]
POD_SPECS = [
    CLUSTER["headGroupSpec"]["template"]["spec"],
    *(group["template"]["spec"] for group in CLUSTER["workerGroupSpecs"]),
]
every_pod = pytest.mark.parametrize("pod", POD_SPECS, ids=["head", "workers"])


def test_operator_submits_itself_and_the_cluster_ends_with_the_job() -> None:
    assert SPEC["submissionMode"] == "HTTPMode"
    assert SPEC["shutdownAfterJobFinishes"] is True
    assert SPEC["backoffLimit"] > 0


def test_ray_demands_a_token_and_has_the_pinned_version() -> None:
    assert CLUSTER["authOptions"] == {"mode": "token"}
    assert CLUSTER["rayVersion"] == metadata.version("ray")


@every_pod
def test_pod_has_an_ordinary_user_and_no_capabilities(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@every_pod
def test_pod_runs_our_image_and_reads_passwords_from_files(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}

    assert container["image"] == f"vss-orch:{version}"
    assert environment["VSS_LEDGER_PASSWORD_FILE"].startswith("/run/secrets/")
    assert environment["MLFLOW_TRACKING_PASSWORD_FILE"].startswith("/run/secrets/")
    assert "@" not in environment["VSS_LEDGER_URL"].replace("vss@postgres", "")


@every_pod
def test_every_mounted_volume_is_declared(pod: dict[str, Any]) -> None:
    declared = {volume["name"] for volume in pod["volumes"]}
    (container,) = pod["containers"]

    assert {mount["name"] for mount in container["volumeMounts"]} == declared


def test_workers_have_gpus_and_the_head_has_none() -> None:
    head, workers = (pod["containers"][0]["resources"]["limits"] for pod in POD_SPECS)

    assert workers["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in head
    assert CLUSTER["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
