"""A worker whose MLflow server is killed and comes back."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from orchestrator.execution.job import Heartbeat, Job
from orchestrator.execution.worker import run_job
from orchestrator.settings import Settings
from tests.conftest import free_port, tiny
from tests.orchestrator.conftest import tracked, with_inputs


class Server:
    """An MLflow server, on loopback by default, that keeps its port."""

    def __init__(self, store: str, artifacts: Path, host: str = "127.0.0.1") -> None:
        port = free_port()
        self.url = f"http://{host}:{port}"
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--backend-store-uri", store, "--artifacts-destination", str(artifacts)),
            *("--host", host, "--port", str(port)),
        ]

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=2).close()
                return
            except OSError:
                time.sleep(0.3)
        raise TimeoutError(self.url)

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def server(empty_store: Path, settings: Settings) -> Iterator[Server]:
    settings.home.mkdir(parents=True, exist_ok=True)
    store = settings.home / "served.db"
    store.write_bytes(empty_store.read_bytes())
    server = Server(f"sqlite:///{store}", settings.artifacts)
    server.start()
    server.wait()
    yield server
    server.kill()


@pytest.mark.slow
def test_server_that_is_killed_while_a_trial_runs_costs_nothing_but_time(
    job: Job, server: Server, settings: Settings
) -> None:
    heartbeats: list[Heartbeat] = []
    was_killed, was_restarted = threading.Event(), threading.Event()

    def report(heartbeat: Heartbeat) -> None:
        heartbeats.append(heartbeat)
        if heartbeat.step == 2 and not was_killed.is_set():
            was_killed.set()
            server.kill()
        if heartbeat.waiting_for and not was_restarted.is_set():
            was_restarted.set()
            server.start()

    evaluated = with_inputs(job, config=tiny(eval_every=1))
    outcome = run_job(tracked(evaluated, server.url, settings), report, lambda: False)

    assert outcome.state == "FINISHED"
    client = MlflowClient(tracking_uri=server.url)
    run = client.get_run(str(outcome.run_id))
    assert run.info.status == "FINISHED"
    for curve in ("train/loss", "val/miou"):
        history = client.get_metric_history(run.info.run_id, curve)
        assert [point.step for point in history] == [1, 2, 3, 4]
    waits = [str(beat.waiting_for) for beat in heartbeats if beat.waiting_for]
    assert "waiting for MLflow since" in waits[0]
    assert heartbeats[-1].waiting_for is None
