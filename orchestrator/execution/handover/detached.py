"""Handing a submit over to a Ray job, which needs no terminal."""

import secrets
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.execution.cluster import head as ray_head
from orchestrator.execution.driver import RunTarget, join_running
from orchestrator.execution.handover.order import (
    SHIPPED_FILE,
    Order,
    collect_environment,
    list_own_passwords,
)
from orchestrator.execution.nodes.plan_check import check_experiment
from orchestrator.execution.nodes.store_check import check_stores
from orchestrator.ledger.control.entries import Lease
from orchestrator.settings import command, make_folder
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores
from vss.errors import UserError

if TYPE_CHECKING:
    from orchestrator.execution.cluster.jobs import Jobs

_MODULE = "orchestrator.execution.handover.job"
_PACKAGES = ("orchestrator", "reports", "vss")
_POLL_SECONDS = 0.3
START_SECONDS = 60.0


@dataclass(frozen=True)
class Cluster:
    """The cluster that gets the job.

    Attributes:
        address: address of its dashboard, or host:port.
        is_local: whether it is the head that `dashboard` or an earlier submit has started here.
        variables: what a job needs to join it. Ray itself would name a killed cluster to the job,
            whose file still lies in its temporary folder.
    """

    address: str
    is_local: bool
    variables: Mapping[str, str] = field(default_factory=dict)


def choose_cluster(target: RunTarget) -> Cluster:
    """Return the cluster of a target; without an address, the head of this machine, started now."""
    head = ray_head.find_running_head()
    if target.address is not None and (head is None or head.address != target.address):
        return Cluster(target.address, is_local=False)
    head = head or ray_head.start(target.settings, target.is_insecure)
    return Cluster(head.dashboard_url, is_local=True, variables={"RAY_ADDRESS": head.address})


def hand_over(
    experiment: Experiment,
    spec: Path,
    target: RunTarget,
    stores: Stores,
    pictures: bool,
    words: Sequence[str],
) -> list[str]:
    """Start a job that runs a submit, and wait until it has taken the experiment over.

    If the experiment runs already, it only learns of new cells and seeds.

    Args:
        experiment: the checked experiment.
        spec: the path of its spec.
        target: the place where it runs.
        stores: the ledger and MLflow.
        pictures: whether the report shows frames.
        words: the words after `vss-orch` as the user typed them.

    Returns:
        lines for the user: who runs it, and how to watch, cancel and read it.

    Raises:
        UserError: if the job does not start, or ends before it has taken over.
    """
    check_experiment(experiment)  # the job would say so too, but later
    lease = join_running(experiment, target, stores)
    if lease is not None:
        return [
            f"'{experiment.name}' runs already: {lease.describe()} runs new cells and seeds too",
            *_describe_commands(experiment.name),
        ]
    cluster = choose_cluster(target)
    if not cluster.is_local:
        reason = f"the cluster at {cluster.address} was not started by `dashboard` on this machine"
        check_stores(target.settings, reason)
    order = Order(
        job=f"{experiment.name}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        source=experiment.source,
        spec=str(spec.resolve()),
        trial_ids=[trial.trial_id for trial in experiment.trials],
        later_ids=[trial.trial_id for trial in experiment.later_trials],
        data={name: str(path.absolute()) for name, path in target.data.items()},
        pictures=pictures,
        words=words,
        environment={
            **collect_environment(target.settings, cluster.is_local),
            **cluster.variables,
        },
        is_local=cluster.is_local,
        is_insecure=target.is_insecure,
    )
    jobs = _start(order, cluster, target)
    try:
        _wait_for_lease(experiment.name, order.job, jobs, stores)
    except UserError as error:
        _local_file(order, target).unlink(missing_ok=True)  # a job that runs has read it
        raise UserError(f"{error}{_hint_about_passwords(cluster)}") from None
    log = f"{command('ray')} job logs --address {jobs.url} {order.job}"
    return [
        f"'{experiment.name}' was handed over to Ray job {order.job}",
        *_describe_commands(experiment.name),
        f"its log:    RAY_AUTH_MODE=token {log}",
    ]


def _hint_about_passwords(cluster: Cluster) -> str:
    variables = [] if cluster.is_local else list_own_passwords()
    if not variables:
        return ""
    return (
        f" (a cluster is told no passwords: {', '.join(variables)} must be set on its nodes, "
        "before Ray starts there)"
    )


def _describe_commands(name: str) -> list[str]:
    program = command("vss-orch")
    return [f"to watch:   {program} watch {name}", f"to cancel:  {program} cancel {name}"]


def _start(order: Order, cluster: Cluster, target: RunTarget) -> "Jobs":
    from orchestrator.execution.cluster.jobs import Jobs

    jobs = Jobs(cluster.address, target.is_insecure)
    if cluster.is_local:
        file = _local_file(order, target)
        make_folder(file.parent)
        order.write(file)
        entrypoint = shlex.join([sys.executable, "-P", "-m", _MODULE, str(file)])
        # A head that was started earlier may not know where the data is.
        data = order.environment.get("VSS_DATA")
        jobs.start(order.job, f"exec {entrypoint}", variables={"VSS_DATA": data} if data else {})
        return jobs
    with tempfile.TemporaryDirectory() as folder:
        packages = _copy_code(Path(folder))
        order.write(Path(folder) / SHIPPED_FILE)
        # The same image has the same interpreter; if not, the one of the cluster's nodes.
        python = shlex.quote(sys.executable)
        entrypoint = f'python={python}; [ -x "$python" ] || python=python3; exec "$python"'
        jobs.start(order.job, f"{entrypoint} -m {_MODULE}", packages)
    return jobs


def _local_file(order: Order, target: RunTarget) -> Path:
    return target.settings.orders / f"{order.job}.json"


def _copy_code(folder: Path) -> list[Path]:
    """Copy the program itself, without data, runs and environment; return its packages."""
    root = Path(__file__).parents[3]
    for package in _PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / package, folder / package, ignore=ignored)
    return [folder / package for package in _PACKAGES]


def _wait_for_lease(name: str, job: str, jobs: "Jobs", stores: Stores) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_run_by(job, stores.ledger.lease(name)):
        state = jobs.state(job)
        if state.has_failed:
            reason = _last_line(jobs.read_log(job), state.message)
            raise UserError(f"Ray job {job} could not take '{name}' over: {reason}")
        if state.has_ended:
            return  # nothing was left to run
        if time.monotonic() > deadline:
            if state.has_started:
                return  # it reads data, or opens MLflow
            jobs.stop(job)
            raise UserError(
                f"Ray job {job} has not started within {START_SECONDS:.0f} s ({state.message}): "
                "look at its runtime environment and at the head node in the Ray dashboard, "
                f"{jobs.url}"
            )
        time.sleep(_POLL_SECONDS)


def _is_run_by(job: str, lease: Lease | None) -> bool:
    return lease is not None and lease.job == job


def _last_line(log: str, message: str) -> str:
    """Return the error that a job has printed, or else its last line."""
    lines = log.strip().splitlines() or [message]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines)[-1].removeprefix("error: ")
