"""deploy/slurm.sh, run for real: a study survives a requeue and time limits.

`python -m deploy.test.slurm [--folder DIR]`, as root on Debian with PostgreSQL's programs.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from deploy.test.slurm_nodes import HOST, running_slurm
from deploy.test.stack import ROOT, copy_repository
from deploy.test.stores import running_stores

NAME = "slurm_test"
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
                home = {"HOME": str(folder / "home"), "VSS_HOME": str(folder / "vss")}
                (folder / "home").mkdir()
                run_study(checkout, {**os.environ, **variables, **home})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("all is well, and all is taken down")


def run_study(checkout: Path, environment: dict[str, str]) -> None:
    """Submit a study, queue it again while it runs, and wait for its end across time limits."""
    environment["PYTHONPATH"] = str(checkout)

    def run(*command: str) -> str:
        process = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True
        )
        if process.returncode != 0:
            raise SystemExit(
                f"{' '.join(command)}: {process.stdout[-2000:]}{process.stderr[-2000:]}"
            )
        return process.stdout.strip()

    def states() -> Counter[str]:
        command = [sys.executable, "-m", "orchestrator.cli.app", "status", NAME, "--json"]
        process = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True
        )
        trials = json.loads(process.stdout)["trials"] if process.returncode == 0 else []
        return Counter(trial["state"] for trial in trials)

    def has_job() -> bool:
        return bool(run("squeue", "--noheader"))

    job = run(*SUBMIT)
    log = checkout / f"slurm-{job}.out"
    try:
        wait_for("a trial runs on each node", lambda: states()["RUNNING"] == 2, 400, has_job)
        run("scontrol", "requeue", job)
        say("the job was queued again while they ran")
        wait_for(
            "all trials have finished, and the job has ended",
            lambda: states().keys() == {"FINISHED"} and not has_job(),
            STUDY_SECONDS,
        )
    except BaseException:
        print(run("scontrol", "show", "job", job), log.read_text()[-4000:])
        raise
    starts = len(re.findall("On head node. Starting", log.read_text()))
    limits = log.read_text().count("the time limit is near")
    say(f"the job has started {starts} times, {limits} of its ends were at the time limit")
    print(log.read_text()[-1500:])
    if starts < 3 or not limits:
        raise SystemExit("the study was too short to meet its time limit")


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
