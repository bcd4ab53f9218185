"""What Ray's dashboard and Prometheus show of trials."""

import dataclasses
import time
import urllib.request
from collections.abc import Callable

import pytest

from orchestrator.execution.cluster.connection import Connection
from orchestrator.execution.job import Heartbeat, Job
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.stop_requests import StopRequests
from orchestrator.ledger.entries import State
from tests.conftest import tiny
from tests.orchestrator.conftest import with_inputs
from tests.orchestrator.execution.cluster.test_executor import JobList, Recorder
from tests.orchestrator.terminal.test_trial_tables import trial

LABELS = {"experiment": "study", "cell": "a cell", "seed": "0"}


def read_metrics() -> list[str]:
    """Return the lines of the node's metrics endpoint, as Prometheus reads them."""
    import ray

    port = ray.nodes()[0]["MetricsExportPort"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return [line for line in text.splitlines() if line.startswith("ray_vss_")]


def wait_for(condition: Callable[[list[str]], bool]) -> list[str]:
    """Return the metrics once they fulfil a condition; workers report every few seconds."""
    deadline = time.monotonic() + 60
    while not condition(lines := read_metrics()):
        assert time.monotonic() < deadline, lines
        time.sleep(1)
    return lines


@pytest.mark.usefixtures("connection")
@pytest.mark.slow
def test_heartbeat_of_a_cell_with_letters_that_ray_refuses_is_published(job: Job) -> None:
    from orchestrator.execution.cluster.metrics import publish_heartbeat

    labels = {**LABELS, "cell": "Größe 4, 記憶 \udc80"}

    publish_heartbeat(dataclasses.replace(job, labels=labels), Heartbeat(4, 0.5, 0.25))


@pytest.mark.slow
def test_trial_and_study_are_visible_in_the_metrics_of_the_node(
    connection: Connection, job: Job
) -> None:
    from orchestrator.execution.cluster.executor import RayExecutor

    executor = RayExecutor(connection.dashboard_url, "study")
    labelled = dataclasses.replace(with_inputs(job, config=tiny(eval_every=2)), labels=LABELS)
    executor.publish_states("study", [trial(1, state=State.RUNNING), trial(2), trial(3)])

    run_jobs(JobList([labelled]), executor, Recorder(), StopRequests())
    lines = wait_for(
        lambda lines: all(
            any(line.startswith(f"ray_{name}{{") and text in line for line in lines)
            for name, text in (("vss_trials", "PENDING"), ("vss_trial_val_miou", 'cell="a cell"'))
        )
    )
    executor.close()

    pending = next(line for line in lines if "ray_vss_trials{" in line and "PENDING" in line)
    assert 'experiment="study"' in pending
    assert pending.endswith(" 2.0")
    # A worker keeps its gauges as long as it lives, also those of another test's trial.
    steps = (line for line in lines if line.startswith("ray_vss_trial_step{"))
    step = next(line for line in steps if 'cell="a cell"' in line)
    assert 'seed="0"' in step
    assert step.endswith(" 4.0")


@pytest.mark.slow
def test_slots_and_runs_have_readable_names(connection: Connection, job: Job) -> None:
    from ray.util.state import list_actors, list_tasks

    from orchestrator.execution.cluster.executor import RayExecutor

    executor = RayExecutor(connection.dashboard_url, "study")
    run_jobs(JobList([job]), executor, Recorder(), StopRequests())
    # Without an address, Ray would ask the cluster that was started last on this machine.
    address = connection.dashboard_url
    actors = {actor.name for actor in list_actors(address=address) if actor.state == "ALIVE"}
    deadline = time.monotonic() + 30
    tasks: set[str] = set()
    while job.trial_id not in tasks and time.monotonic() < deadline:  # workers report late
        tasks = {task.name for task in list_tasks(address=address, limit=1000)}
        time.sleep(0.5)
    executor.close()

    assert "study, slot 1" in actors
    assert job.trial_id in tasks
