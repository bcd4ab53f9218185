"""The commands of docker-compose.yml as local processes, and a detached study on them."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.test.local_stack import LocalStack, explain_missing_means
from tests.conftest import TINY_SPEC

WORKERS = ("ray-worker-cpu1", "ray-worker-cpu2")
DASHBOARD = "http://ray-head:8265"


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    if (lack := explain_missing_means()) is not None:
        pytest.skip(lack)
    # Not in pytest's folder, which other users cannot read.
    folder = Path(tempfile.mkdtemp(prefix="vss-stack-"))
    folder.chmod(0o755)
    try:
        with LocalStack(folder, ["postgres", "mlflow", "ray-head", *WORKERS, "doctor"]) as stack:
            yield stack
    finally:
        shutil.rmtree(folder)


def wait_for_report(stack: LocalStack, name: str) -> str:
    report = stack.volume("storage") / "reports" / name / "report.md"
    deadline = time.monotonic() + 240
    while not report.exists():
        assert time.monotonic() < deadline, stack.read_log("ray-head")
        time.sleep(0.5)
    return report.read_text()


@pytest.mark.slow
def test_detached_study_runs_on_the_commands_of_the_compose_file(stack: LocalStack) -> None:
    for hosts in (["postgres"], ["mlflow"], ["ray-head"], WORKERS):
        for host in hosts:
            stack.start(host)
        stack.wait_until_healthy(*hosts)
    (stack.volume("storage") / "tiny.yaml").write_text(TINY_SPEC)

    doctor = stack.run("doctor")
    submit = ["vss-orch", "submit", "/storage/tiny.yaml", "--detach"]
    handed_over = stack.run("doctor", submit, RAY_ADDRESS=DASHBOARD)
    assert handed_over.returncode == 0, handed_over.stdout + handed_over.stderr
    report = wait_for_report(stack, "tiny")
    status = stack.run("doctor", ["vss-orch", "status", "tiny", "--json"])

    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "4 of 4 trials finished" in report
    assert {trial["state"] for trial in json.loads(status.stdout)["trials"]} == {"FINISHED"}
    logs = "".join(map(stack.read_log, ["mlflow", "ray-head", *WORKERS]))
    for secret in ("postgres_password", "mlflow_password", "ray_token"):
        assert stack.secret(secret) not in logs
