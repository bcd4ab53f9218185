"""The installed command as users run it, with real Ray, MLflow, ledger and signals."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from orchestrator.execution.cluster import head as ray_head
from orchestrator.ledger.entries import TrialStatus
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC, SpecWriter, free_port
from tests.processes import descendants

pytestmark = pytest.mark.slow

# Long enough to be interrupted mid-run, evaluated often enough to have a checkpoint by then.
SPEC = TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0]").replace("steps: 4", "steps: 300")
SPEC = SPEC.replace("eval_every: 2", "eval_every: 20") + "measure_latency: false\n"
TIMEOUT_SECONDS = 120.0


class Command:
    """A vss-orch command that runs in a separate process."""

    def __init__(self, log: Path, *arguments: object) -> None:
        self._log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator", *map(str, arguments)],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait(self) -> int:
        """Wait until it exits; return its exit code."""
        return self.process.wait(TIMEOUT_SECONDS)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Yield a function that starts commands; at the end, kill those that still run."""
    commands: list[Command] = []

    def start(*arguments: object) -> Command:
        commands.append(Command(tmp_path / f"log{len(commands)}", *arguments))
        return commands[-1]

    yield start
    for process in (c.process for c in commands if c.process.poll() is None):
        for pid in [*descendants(process.pid), process.pid]:
            os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], Any], command: Command) -> None:
    """Wait until a condition holds; if it never does, fail with the command's output."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, command.output
        assert command.process.poll() is None, command.output
        time.sleep(0.2)


@functools.cache
def open_ledger(url: str) -> Ledger:
    """Open a ledger once: it is polled while other processes need the processor."""
    return Ledger(url)


def trials(settings: Settings) -> list[TrialStatus]:
    return list(open_ledger(settings.ledger_url).trials("tiny"))


def is_training(settings: Settings, *cells: str) -> bool:
    """Return whether a trial, of these cells if any are named, is past its first evaluation."""
    return any(
        trial.state == "RUNNING" and trial.miou is not None
        for trial in trials(settings)
        if not cells or trial.cell in cells
    )


def tracked_trials(settings: Settings) -> list[str]:
    """Return the trial id of every trial run in MLflow."""
    tracker = Tracker(settings.tracking_uri, settings.artifacts)
    client = MlflowClient(tracking_uri=tracker.uri)
    runs = client.search_runs([tracker.experiment_id])
    return [run.data.tags["trial_id"] for run in runs if "trial_id" in run.data.tags]


def assert_complete(settings: Settings, command: Command) -> None:
    """Check that every trial has finished with one run, and that the report counts them."""
    assert command.wait() == 0, command.output
    assert [t.state for t in trials(settings)] == ["FINISHED"] * 2
    tracked = tracked_trials(settings)
    assert len(tracked) == len(set(tracked))
    # A trial that has left the experiment may have started before that.
    assert set(tracked) >= {t.trial_id for t in trials(settings)}
    report = (settings.report_folder("tiny") / "report.md").read_text()
    assert "2 of 2 trials finished" in report


def test_interrupted_submit_resumes_where_it_stopped(
    command: Callable[..., Command], write_spec: SpecWriter, settings: Settings, tracker: Tracker
) -> None:
    spec = write_spec(SPEC)
    first = command("submit", spec)
    wait_until(lambda: is_training(settings), first)

    first.process.send_signal(signal.SIGINT)

    assert first.wait() == 130, first.output
    assert "stopped at step" in first.output
    assert "; resume with: " in first.output
    assert f"vss-orch submit {spec}" in first.output
    assert "mIoU on" not in first.output
    assert {t.state for t in trials(settings)} <= {"PENDING", "FINISHED"}
    assert any(t.state == "PENDING" and t.step > 0 for t in trials(settings))
    assert_complete(settings, command("submit", spec))
    assert any(t.first_step > 0 for t in trials(settings))


def test_killed_driver_loses_nothing(
    command: Callable[..., Command], write_spec: SpecWriter, settings: Settings, tracker: Tracker
) -> None:
    spec = write_spec(SPEC)
    first = command("submit", spec)
    wait_until(lambda: is_training(settings), first)

    first.process.kill()
    first.process.wait()

    assert_complete(settings, command("submit", spec))
    assert max(t.attempts for t in trials(settings)) == 2


def test_killed_worker_is_replaced(
    command: Callable[..., Command], write_spec: SpecWriter, settings: Settings, tracker: Tracker
) -> None:
    submit = command("submit", write_spec(SPEC))
    wait_until(lambda: is_training(settings, "memory"), submit)

    os.kill(descendants(submit.process.pid, "ray::memory, seed 0")[0], signal.SIGKILL)

    assert_complete(settings, submit)
    assert sorted(t.attempts for t in trials(settings)) == [1, 2]
    assert "raylet" not in submit.output


def test_trials_train_on_while_the_driver_is_paused(
    command: Callable[..., Command], write_spec: SpecWriter, settings: Settings, tracker: Tracker
) -> None:
    submit = command("submit", write_spec(SPEC))
    wait_until(lambda: is_training(settings), submit)

    submit.process.send_signal(signal.SIGSTOP)
    try:
        scored = count_evaluations(settings)
        wait_until(lambda: count_evaluations(settings) >= scored + 5, submit)
    finally:
        submit.process.send_signal(signal.SIGCONT)

    assert_complete(settings, submit)
    assert [t.attempts for t in trials(settings)] == [1, 1]


def count_evaluations(settings: Settings) -> int:
    """Return how often the trials have been evaluated on val, from their logs."""
    return sum(
        log.read_text().count("val mIoU") for log in settings.storage.folder.glob("*/log-*.txt")
    )


def test_persistent_head_runs_submits_until_it_is_stopped(
    command: Callable[..., Command], write_spec: SpecWriter, settings: Settings, tracker: Tracker
) -> None:
    start = command("dashboard")
    try:
        assert start.wait() == 0, start.output
        head = ray_head.find_running_head()
        assert head is not None
        assert head.dashboard_url in start.output

        short = write_spec(TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0]\nmeasure_latency: false"))
        submit = command("submit", short)
        assert_complete(settings, submit)
        assert head.dashboard_url in submit.output
        assert ray_head.find_running_head() == head  # a submit leaves it running
    finally:
        stop = command("dashboard", "--stop")
        assert stop.wait() == 0, stop.output
    assert "stopped the Ray head" in stop.output
    assert ray_head.find_running_head() is None


def test_detached_submit_is_watched_extended_cancelled_and_resumed(
    command: Callable[..., Command], write_spec: SpecWriter, settings: Settings, tracker: Tracker
) -> None:
    # Longer, as its trials must not have ended before the second submit is through.
    spec = write_spec(SPEC.replace("steps: 300", "steps: 900"))
    try:
        first = command("submit", spec, "--detach")
        assert first.wait() == 0, first.output
        assert "was handed over to Ray job tiny-" in first.output
        watch = command("watch", "tiny")
        wait_until(lambda: is_training(settings), watch)

        more = command("submit", spec, "steps=901", "--detach")
        assert more.wait() == 0, more.output
        assert "'tiny' runs already: the detached submit tiny-" in more.output
        wait_until(lambda: any(t.settings["steps"] == 901 for t in trials(settings)), watch)
        cancel = command("cancel", "tiny")
        assert cancel.wait() == 0, cancel.output
        assert "ending the detached submit tiny-" in cancel.output
        assert watch.wait() == 130, watch.output
        assert {t.state for t in trials(settings)} == {"CANCELLED"}

        again = command("submit", spec, "--detach")
        assert again.wait() == 0, again.output
        assert_complete(settings, command("watch", "tiny"))
        assert any(t.first_step > 0 for t in trials(settings))
    finally:
        command("dashboard", "--stop").wait()


def test_ui_shows_the_runs_of_an_experiment(
    command: Callable[..., Command], write_spec: SpecWriter, settings: Settings, tracker: Tracker
) -> None:
    spec = write_spec(TINY_SPEC + "measure_latency: false\n")
    assert command("submit", spec, "--in-process").wait() == 0
    ui = command("ui", "tiny", "--port", free_port())
    wait_until(lambda: "Ctrl-C" in ui.output, ui)

    page_address = ui.output.split("MLflow UI: ")[1].split()[0]
    address = ui.output.split("reach it at ")[1].split()[0]

    assert "/#/experiments/" in page_address
    with urllib.request.urlopen(address, timeout=10) as page:
        assert b"<title>MLflow</title>" in page.read()
    runs = search(address, tracker.experiment_id, "tags.`experiment/tiny` LIKE '%'")
    assert sorted(run["info"]["run_name"] for run in runs) == [
        "image, seed 0", "image, seed 1", "memory, seed 0", "memory, seed 1", "tiny",
    ]  # fmt: skip

    ui.process.send_signal(signal.SIGTERM)  # treated as Ctrl-C
    assert ui.wait() == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=2)


def search(address: str, experiment_id: str, query: str) -> list[dict[str, Any]]:
    """Return runs from the server, with the request that the page of the UI makes."""
    body = {"experiment_ids": [experiment_id], "filter": query}
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/runs/search",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        runs: list[dict[str, Any]] = json.load(response)["runs"]
    return runs
