"""deploy/slurm.sh, run for real: a study survives a requeue and a time limit.

`python -m deploy.test.slurm [--folder DIR]`, as root on Debian with PostgreSQL's programs.
"""

import argparse
import json
import os
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

NAME, ARRAY, CALIBRATION = "slurm_test", "array_test", "calibration"
# A trial saves a checkpoint every 20 s. It must still run when Slurm has looked at time limits, as
# it does every 30 s, and in the two attempts around that, until it is seen to train.
TRIAL_SECONDS = 120.0
STUDY = f"""
name: {NAME}
seeds: [0, 1]
base:
  dataset: synthetic
  frame_width: 96
  frame_height: 64
  backbone: resnet18
  width: 16
  head_channels: 64
  auxiliary_channels: 32
  steps: 100
  batch_size: 8
  optimizer: adamw
  learning_rate: 3e-3
  eval_every: 50
cells:
  fcn: {{head: fcn}}
resources: {{cpus: 1}}
"""
TIME_LIMIT_MINUTES = 60
SUBMIT = [
    *("sbatch", "--parsable", "--cpus-per-task=1", f"--time={TIME_LIMIT_MINUTES}"),
    *("deploy/slurm.sh", "study.yaml"),
]
LONGEST_SECONDS = 1200.0  # of one wait, only against hanging
_START = time.monotonic()


def main() -> None:
    """Run the test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="a folder that does not exist yet")
    folder = parser.parse_args().folder
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="vss-slurm-test-", dir="/var/tmp"))
    else:
        folder.mkdir()
    folder.chmod(0o755)
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
                login_node = LoginNode(checkout, folder / "vss", {**variables, **home})
                (checkout / "study.yaml").write_text(STUDY)
                run_study(login_node)
                run_array(login_node)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("all is well, and all is taken down")


class LoginNode:
    """A shell in a checkout, with an environment of its own."""

    def __init__(self, checkout: Path, home: Path, variables: Mapping[str, str]) -> None:
        self.checkout = checkout
        self.storage = home / "trials"
        path = f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}"
        self._known: set[str] = set()
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

    def trials(self, experiment: str) -> list[dict[str, Any]]:
        """Return the trials of an experiment; none before it is in the ledger."""
        if experiment not in self._known:
            status = json.loads(self.vss_orch("status", "--json"))
            self._known = {entry["experiment"] for entry in status["experiments"]}
        if experiment not in self._known:
            return []
        status = json.loads(self.vss_orch("status", experiment, "--json"))
        trials: list[dict[str, Any]] = status["trials"]
        return trials

    def job(self, number: str) -> dict[str, str]:
        """Return what Slurm says about a job: field -> value."""
        text = self.run("scontrol", "--oneliner", "show", "job", number)
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def has_job(self) -> bool:
        """Return whether a job runs or is queued."""
        return bool(self.run("squeue", "--noheader"))


def run_study(node: LoginNode) -> None:
    """Run a study through a requeue and a time limit; both times it must go on where it was."""
    steps = count_steps(node, TRIAL_SECONDS)
    say(f"a trial of {steps} steps takes {TRIAL_SECONDS:.0f} s or more")
    job = node.run(*SUBMIT, f"steps={steps}")
    log = node.checkout / f"slurm-{job}.out"
    try:
        wait_until_trained(node, {})
        node.run("scontrol", "requeue", job)
        wait_until_trained(node, wait_until_restarted(node, job, 1))
        bring_time_limit_near(node, job)
        wait_until_trained(node, wait_until_restarted(node, job, 2))
        wait_for("the job has ended", lambda: not node.has_job())
        if [trial["state"] for trial in node.trials(NAME)] != ["FINISHED"] * 2:
            raise SystemExit("not all trials have finished")
    except BaseException:
        print(node.run("scontrol", "show", "job", job), log.read_text()[-4000:])
        raise
    print(log.read_text()[-1500:])
    if log.read_text().count("the time limit is near") != 1:
        raise SystemExit("not exactly one end of the job was at its time limit")


def count_steps(node: LoginNode, seconds: float) -> int:
    """Return how many steps an undisturbed trial makes in a time, as a short one shows.

    Args:
        node: the login node, which trains the short one.
        seconds: the time.
    """
    short = (f"name={CALIBRATION}", "seeds=[0]", "--in-process", "--no-pictures")
    node.vss_orch("submit", "study.yaml", *short)
    (trial,) = node.trials(CALIBRATION)
    result = json.loads((node.storage / trial["trial_id"] / "result.json").read_text())
    return int(1000 * seconds / result["step_ms_median"])


def wait_until_trained(node: LoginNode, attempts: Mapping[str, int]) -> None:
    """Wait until both trials train in a new attempt, and have checkpoints that it could resume.

    Args:
        node: the login node.
        attempts: trial -> number of its earlier attempts.
    """

    def train() -> bool:
        return len(trials := node.trials(NAME)) == 2 and all(
            trial["attempts"] > attempts.get(trial["trial_id"], 0)
            and trial["step"] > trial["first_step"]
            and (node.storage / trial["trial_id"] / "resume.pt").exists()
            for trial in trials
        )

    wait_for("both trials train, with a checkpoint", train, node.has_job)
    first_steps = [trial["first_step"] for trial in node.trials(NAME)]
    say(f"they have begun at the steps {first_steps}")
    if attempts and 0 in first_steps:
        raise SystemExit("a trial has started from the beginning")


def bring_time_limit_near(node: LoginNode, job: str) -> None:
    """Let the time limit of a running job be 2 minutes away.

    Then Slurm warns the job, as deploy/slurm.sh asks for.
    """
    hours, minutes, _ = map(int, node.job(job)["RunTime"].split(":"))
    node.run("scontrol", "update", f"JobId={job}", f"TimeLimit={60 * hours + minutes + 2}")


def wait_until_restarted(node: LoginNode, job: str, number: int) -> dict[str, int]:
    """Wait until a job has been queued again and started, and return trial -> earlier attempts."""
    wait_for("the job was queued again", lambda: node.job(job)["Restarts"] == str(number))
    node.run("scontrol", "update", f"JobId={job}", f"TimeLimit={TIME_LIMIT_MINUTES}")
    wait_for("it has started again", lambda: node.job(job)["JobState"] == "RUNNING")
    return {trial["trial_id"]: trial["attempts"] for trial in node.trials(NAME)}


def run_array(node: LoginNode) -> None:
    """Run the array form of docs/offline.md: exported trials, each a task, and their import."""
    node.vss_orch("plan", "study.yaml", f"name={ARRAY}", "steps=20", "--export", "exported")
    node.run("sbatch", "--wait", "slurm_array.sh", folder="exported")
    node.vss_orch("import", "results", folder="exported")
    states = Counter(trial["state"] for trial in node.trials(ARRAY))
    if states != Counter(FINISHED=2):
        raise SystemExit(f"the array has left: {states}")
    say("an array of 2 offline trials has run and was imported")


def wait_for(
    what: str, condition: Callable[[], bool], is_possible: Callable[[], bool] = lambda: True
) -> None:
    """Wait for something, as long as it is possible, and say that it is so."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline or not is_possible():
            raise SystemExit(f"waited in vain: {what}")
        time.sleep(1)
    say(what)


def say(line: str) -> None:
    """Print a line with the time since the start."""
    print(f"{time.monotonic() - _START:5.0f} s  {line}", flush=True)


if __name__ == "__main__":
    main()
