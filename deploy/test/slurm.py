"""deploy/slurm.sh, run for real: a study survives a requeue and time limits.

`python -m deploy.test.slurm [--folder DIR]`, as root on Debian with PostgreSQL's programs.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy.test.slurm_nodes import HOST, running_slurm
from deploy.test.stack import ROOT, copy_repository
from deploy.test.stores import running_stores

NAME, ARRAY = "slurm_test", "array_test"
SUBMIT = [
    *("sbatch", "--parsable", "--cpus-per-task=1", "--time=5", "--signal=B:USR1@60"),
    *("deploy/slurm.sh", "experiments/quickstart.yaml", f"name={NAME}", "seeds=[0, 1]"),
]
STUDY_SECONDS = 1800.0
_START = time.monotonic()


def main() -> None:
    """Run the test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="a folder that does not exist yet")
    folder = parser.parse_args().folder or Path(tempfile.mkdtemp(dir="/var/tmp")) / "slurm-test"
    folder.mkdir()
    folder.parent.chmod(0o755)
    checkout = folder / "checkout"
    copy_repository(checkout)
    (checkout / ".venv").symlink_to((ROOT / ".venv").resolve())
    try:
        with running_slurm(folder / "slurm"):
            say("Slurm runs, with two nodes")
            with running_stores(folder / "stores", HOST) as variables:
                say("PostgreSQL and MLflow run")
                (folder / "home").mkdir()
                home = {"HOME": str(folder / "home"), "VSS_HOME": str(folder / "vss")}
                login_node = LoginNode(checkout, {**variables, **home})
                run_study(login_node)
                run_array(login_node)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("all is well, and all is taken down")


class LoginNode:
    """A shell in a checkout, with an environment of its own."""

    def __init__(self, checkout: Path, variables: Mapping[str, str]) -> None:
        self.checkout = checkout
        path = f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}"
        self._environment = {**os.environ, **variables, "PATH": path, "PYTHONPATH": str(checkout)}

    def run(self, *command: str, folder: str = ".") -> str:
        """Run a command and return what it prints."""
        process = subprocess.run(
            command,
            cwd=self.checkout / folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        if process.returncode != 0:
            output = process.stdout[-2000:] + process.stderr[-2000:]
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
        return process.stdout.strip()

    def vss_orch(self, *arguments: str, folder: str = ".") -> str:
        """Run vss-orch and return what it prints."""
        return self.run("python", "-m", "orchestrator.cli.app", *arguments, folder=folder)

    def states(self, experiment: str) -> Counter[str]:
        """Return state -> number of trials; nothing before the experiment is in the ledger."""
        names = [entry["experiment"] for entry in self._status()["experiments"]]
        trials = self._status(experiment)["trials"] if experiment in names else []
        return Counter(trial["state"] for trial in trials)

    def has_job(self) -> bool:
        """Return whether a job runs or is queued."""
        return bool(self.run("squeue", "--noheader"))

    def _status(self, *experiment: str) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.vss_orch("status", *experiment, "--json"))
        return status


def run_study(node: LoginNode) -> None:
    """Submit a study, queue it again while it runs, and wait for its end across time limits."""
    job = node.run(*SUBMIT)
    log = node.checkout / f"slurm-{job}.out"
    try:
        wait_for("a trial runs on each node", lambda: is_busy(node), 400, node.has_job)
        node.run("scontrol", "requeue", job)
        say("the job was queued again while they ran")
        wait_for(
            "all trials have finished, and the job has ended",
            lambda: node.states(NAME).keys() == {"FINISHED"} and not node.has_job(),
            STUDY_SECONDS,
        )
    except BaseException:
        print(node.run("scontrol", "show", "job", job), log.read_text()[-4000:])
        raise
    starts = len(re.findall("On head node. Starting", log.read_text()))
    limits = log.read_text().count("the time limit is near")
    say(f"the job has started {starts} times, {limits} of its ends were at the time limit")
    print(log.read_text()[-1500:])
    if starts < 2 + bool(limits):
        raise SystemExit("the job has not started again")


def is_busy(node: LoginNode) -> bool:
    """Return whether a trial runs on each node."""
    return node.states(NAME)["RUNNING"] == 2


def run_array(node: LoginNode) -> None:
    """Run the array form of docs/offline.md: exported trials, each a task, and their import."""
    overrides = [f"name={ARRAY}", "seeds=[0]", "steps=20"]
    node.vss_orch("plan", "experiments/quickstart.yaml", *overrides, "--export", "exported")
    node.run("sbatch", "--wait", "slurm_array.sh", folder="exported")
    node.vss_orch("import", "results", folder="exported")
    if node.states(ARRAY) != Counter(FINISHED=4):
        raise SystemExit(f"the array has left: {node.states(ARRAY)}")
    say("an array of 4 offline trials has run and was imported")


def wait_for(
    what: str,
    condition: Callable[[], bool],
    seconds: float,
    is_possible: Callable[[], bool] = lambda: True,
) -> None:
    """Wait for something, as long as it is possible, and say that it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline or not is_possible():
            raise SystemExit(f"waited in vain: {what}")
        time.sleep(5)
    say(what)


def say(line: str) -> None:
    """Print a line with the time since the start."""
    print(f"{time.monotonic() - _START:5.0f} s  {line}", flush=True)


if __name__ == "__main__":
    main()
