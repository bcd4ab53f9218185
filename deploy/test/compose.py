"""docker-compose.yml, run for real: a detached study survives what its containers do not.

`make compose-test`, or `python -m deploy.test.compose [--keep] [--folder DIR]`. Prints what it does
with the time since the start; ends with an error and the services' logs if something does not hold.
"""

import argparse
import base64
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.test.base_images import provide_base_images
from deploy.test.engine import running_engine
from deploy.test.stack import WORKER, Stack, Trial

NAME = "compose_test"
SUBMIT = [
    *("submit", "experiments/quickstart.yaml", "--detach"),
    # Two lost nodes within the interval of two checkpoints must not fail a trial here.
    *(f"name={NAME}", "seeds=[0, 1, 2]", "cells={fcn: {head: fcn}}", "resources.retries=5"),
    *("baseline=fcn", "eval_every=50"),
]
LONGEST_SECONDS = 1200.0  # of one wait, only against hanging
_START = time.monotonic()


def main() -> None:
    """Run the test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the folder with the images")
    parser.add_argument("--folder", type=Path, help="on a disk with 20 GB (default: a new one)")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="vss-compose-test-", dir="/var/tmp"))
    try:
        with running_engine(folder / "engine"):
            provide_base_images(folder)
            say("the base images are there")
            run_stack(folder / "checkout")
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    say("all is well, and all is taken down")


def run_stack(folder: Path) -> None:
    """Build the image, start the stack, run a study through faults, and take everything down."""
    shutil.rmtree(folder, ignore_errors=True)
    stack = Stack(folder)
    stack.compose("build")
    say("the image is built: " + stack.docker("images", "--format", "{{.Size}}", "vss-orch"))
    with started(stack):
        say("the doctor finds: " + stack.compose("run", "--rm", "doctor").splitlines()[-1])
        say(stack.vss_orch(*SUBMIT).splitlines()[0])
        break_things(stack)
        check_study(stack)
        check_pages(stack)
        check_secrets(stack)


@contextmanager
def started(stack: Stack) -> Iterator[None]:
    """Run the containers while the block runs; if it fails, print the end of their logs."""
    try:
        stack.compose("up", "--detach", "--scale", f"{WORKER}=2")
        wait_until_healthy(stack)
        say(f"the stack is healthy, with {len(stack.containers(WORKER))} workers")
        yield
    except BaseException:
        print(stack.compose("ps"), stack.compose("logs", "--no-color", "--tail=40"))
        raise
    finally:
        stack.compose("--profile", "doctor", "down", "--volumes", "--timeout=5")


def break_things(stack: Stack) -> None:
    """Kill one worker; cut off the other, and restart PostgreSQL and MLflow meanwhile."""
    killed, cut_off = stack.containers(WORKER)
    wait_for("both workers train", lambda: count(stack)["RUNNING"] == 2)
    stack.docker("kill", killed)
    wait_for("a killed worker's trial is not running", lambda: count(stack)["RUNNING"] < 2)
    stack.docker("start", killed)
    wait_for("the worker is back, and both train", lambda: count(stack)["RUNNING"] == 2)
    lost_before = count_lost(stack.trials(NAME))
    stack.docker("network", "disconnect", stack.network, cut_off)
    stack.compose("restart", "postgres", "mlflow")
    wait_until_healthy(stack, "postgres", "mlflow")
    say("the other worker is cut off; PostgreSQL and MLflow have been restarted")
    wait_for("its trial is lost", lambda: count_lost(stack.trials(NAME)) > lost_before)
    stack.docker("network", "connect", stack.network, cut_off)


def count_lost(trials: Sequence[Trial]) -> int:
    """Return the number of attempts that were lost: all but the last one of each trial, which too
    is lost if the trial waits for a worker."""
    return sum(
        trial["attempts"] - (trial["state"] != "PENDING") for trial in trials if trial["attempts"]
    )


def check_study(stack: Stack) -> None:
    """Wait for the report; every trial must have finished."""
    wait_for(
        "the study has ended, and its report is written",
        lambda: count(stack).keys() <= {"FINISHED", "FAILED"} and has_report(stack),
    )
    if count(stack).keys() != {"FINISHED"}:
        raise SystemExit(f"not all trials have finished:\n{stack.vss_orch('status', NAME)}")
    say(f"{describe(stack)}, in {sum(t['attempts'] for t in stack.trials(NAME))} attempts")
    wait_until_healthy(stack)
    print(stack.vss_orch("report", NAME))


def check_pages(stack: Stack) -> None:
    """Open MLflow and the Ray dashboard, with and without a password or token."""
    mlflow, ray = stack.variables["MLFLOW_TRACKING_URI"], stack.variables["RAY_ADDRESS"]
    login = base64.b64encode(f"vss:{stack.secret('mlflow_password')}".encode()).decode()
    bearer = f"Bearer {stack.secret('ray_token')}"
    expected = {
        (mlflow, "Basic " + login): 200,
        (mlflow, ""): 401,
        (f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1", ""): 401,
        (ray, ""): 200,  # the page itself, which asks for the token
        (f"{ray}/api/jobs/", ""): 401,
        (f"{ray}/api/jobs/", bearer): 200,
    }
    statuses = {request: open_page(*request) for request in expected}
    wrong = [
        f"{url}: {statuses[url, h]}" for url, h in expected if statuses[url, h] != expected[url, h]
    ]
    if wrong:
        raise SystemExit(f"unexpected statuses: {wrong}")
    say("MLflow and the Ray dashboard open with password and token, and only with them")


def check_secrets(stack: Stack) -> None:
    """Check that no secret is in what Docker says about containers, in arguments or in logs."""
    ids = stack.compose("ps", "--quiet").split()
    texts = {
        "docker inspect": stack.docker("inspect", *ids),
        "arguments": "".join(
            stack.docker("top", container, "-eo", "pid,args") for container in ids
        ),
        "logs": stack.compose("logs", "--no-color"),
    }
    names = ("postgres_password", "mlflow_password", "mlflow_session_key", "ray_token")
    leaks = [(n, place) for n in names for place, text in texts.items() if stack.secret(n) in text]
    if leaks:
        raise SystemExit(f"secrets in the open: {leaks}")
    say("no secret is in docker inspect, in arguments or in logs")


def wait_until_healthy(stack: Stack, *services: str) -> None:
    """Wait until every container of some services, or of all, is healthy."""
    form = "{{.Name}} {{.State.Health.Status}}"

    def all_healthy() -> bool:
        ids = stack.compose("ps", "--quiet", *services).split()
        return all(
            line.endswith(" healthy")
            for line in stack.docker("inspect", "--format", form, *ids).splitlines()
        )

    wait_for("", all_healthy)


def has_report(stack: Stack) -> bool:
    """Return whether the job has written its report."""
    (head,) = stack.containers("ray-head")
    script = f"ls /storage/reports/{NAME}/report.md 2>/dev/null || true"
    return bool(stack.docker("exec", head, "sh", "-c", script))


def count(stack: Stack) -> Counter[str]:
    """Return state -> number of trials."""
    return Counter(trial["state"] for trial in stack.trials(NAME))


def describe(stack: Stack) -> str:
    """Return the number of trials in each state."""
    return ", ".join(f"{number} {state}" for state, number in sorted(count(stack).items()))


def open_page(url: str, authorization: str) -> int:
    """Return the status of a page."""
    headers = {"Authorization": authorization} if authorization else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            status: int = answer.status
    except urllib.error.HTTPError as error:
        return error.code
    return status


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Wait for something, and say that it is so."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain: {what or 'healthy containers'}")
        time.sleep(1)
    if what:
        say(what)


def say(line: str) -> None:
    """Print a line with the time since the start."""
    print(f"{time.monotonic() - _START:5.0f} s  {line.strip()}", flush=True)


if __name__ == "__main__":
    main()
