"""The Ray executor: jobs on a cluster, or on a Ray that is started on this machine.

Ray reads its environment when it is imported, so it is imported only after `connect` has set it.
"""

import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.execution.job import Events, Job
from vss.errors import UserError
from vss.profiling.latency import measure_latency, run_process
from vss.profiling.latency_measurement import LatencyMeasurement, ProcessTimes
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig

_TOKEN_FILE = Path.home() / ".ray" / "auth_token"


@dataclass(frozen=True)
class Cluster:
    """A connection to Ray.

    Attributes:
        dashboard_url: address of its dashboard, or None.
        address: address by which others can join it.
    """

    dashboard_url: str | None
    address: str

    def check_fits(self, cpus: float, gpus: float) -> None:
        """Check that some node can run a trial at all.

        Raises:
            UserError: naming what a trial needs and what the nodes have; Ray itself would wait for
                ever.
        """
        nodes = _nodes()
        if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
            sizes = ", ".join(
                f"{n.get('CPU', 0):g} CPUs and {n.get('GPU', 0):g} GPUs" for n in nodes
            )
            raise UserError(
                f"each trial needs {cpus:g} CPUs and {gpus:g} GPUs on one node, but the nodes have "
                f"{sizes}: lower 'resources' in the spec, or give the --address of another cluster"
            )

    def run(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
    ) -> None:
        """Run as many jobs side by side as the cluster has room for."""
        from orchestrator.execution.tune_round import run_round

        run_round(jobs, events, should_stop, folder)

    def trials_on_device(self, cpus: float, gpus: float) -> int:
        """Return how many trials fit on one GPU, or on the cores of the largest machine."""
        if gpus:
            return max(1, int(1 / gpus))
        return max(1, int(max(node.get("CPU", 0) for node in _nodes()) / cpus))

    def measure_latency(
        self, cells: Mapping[str, TrialConfig], baseline: str, cpus: float, gpus: float
    ) -> LatencyMeasurement:
        """Measure the cells in workers, each with a whole GPU if trials use GPUs.

        The workers measure one after the other, on the same machine; each is a new process.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        compute = Compute.from_resources(cpus, 1.0 if gpus else 0.0)
        # max_calls: a worker that was used before would be no new process.
        remote = ray.remote(max_calls=1)(_measure_in_worker)
        resources: dict[str, Any] = {"num_cpus": cpus, "num_gpus": 1 if gpus else 0}
        node_ids: list[str] = []

        def measure(number: int) -> ProcessTimes:
            options = dict(resources)
            if node_ids:
                options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(
                    node_ids[0], soft=False
                )
            worker = remote.options(**options).remote(dict(cells), baseline, compute, number)
            node_id, times = ray.get(worker)
            node_ids.append(node_id)
            return times

        return measure_latency(cells, baseline, compute, measure)


def connect(address: str | None) -> Cluster:
    """Join a cluster, or start one on this machine.

    Args:
        address: of a running cluster (host:port, auto, ray://...), or None to start one here.

    Raises:
        UserError: if no cluster answers there.
        RuntimeError: if the started Ray would listen to the network.
    """
    _set_environment(is_local=address is None or _host(address) in ("127.0.0.1", "localhost"))
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        # "local", as Ray would mistake the file left by a killed cluster for a running one.
        # Little passes through the object store.
        options |= {"include_dashboard": True, "object_store_memory": 100 * 2**20}
    else:
        _check_answers(address)
    try:
        context = ray.init(address=address or "local", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        if address is None:
            raise UserError(f"cannot start Ray on this machine: {reason}") from None
        raise UserError(
            f"no Ray cluster at '{address}': {reason}; if it needs a token, name its file in "
            "RAY_AUTH_TOKEN_PATH"
        ) from None
    if address is None:
        _check_loopback(ray.util.get_node_ip_address())
        if _TOKEN_FILE.exists():
            _TOKEN_FILE.chmod(0o600)  # Ray leaves it readable by every user of the machine
    url = context.dashboard_url
    return Cluster(f"http://{url}" if url else None, ray.get_runtime_context().gcs_address)


def disconnect() -> None:
    """Disconnect; if `connect` started Ray, shut it down."""
    import ray

    ray.shutdown()


def _set_environment(is_local: bool) -> None:
    """Set the variables that Ray reads when it is imported."""
    if is_local:
        # On Linux, Ray listens on all interfaces; on macOS and Windows, only on loopback unless
        # this variable allows multi-machine clusters. `ray.init` has no such option.
        # where this variable tells it whether clusters of several machines are wanted. It is the
        # public switch: `ray.init` has none.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if (
        os.environ.get("RAY_AUTH_TOKEN")
        or os.environ.get("RAY_AUTH_TOKEN_PATH")
        or _TOKEN_FILE.exists()
    ):
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # a client shows its token only if told to
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # we read our own reports
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # the first Ctrl-C is ours
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")


def _check_loopback(node_address: str) -> None:
    """Refuse a Ray that is open to the network: it would run anybody's code."""
    if node_address != "127.0.0.1":
        disconnect()
        raise RuntimeError(
            f"Ray would listen on {node_address}, not on loopback: it was imported before connect()"
        )


def _nodes() -> list[Mapping[str, float]]:
    """Return the resources of each node that is alive."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _host(address: str) -> str:
    return address.removeprefix("ray://").rpartition(":")[0]


def _check_answers(address: str) -> None:
    """Check that something listens there: Ray itself would try for a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # "auto" and the like
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at '{address}': {error.strerror or error}; "
            "check --address and RAY_ADDRESS, or leave them out to run on this machine"
        ) from None


def _measure_in_worker(
    cells: Mapping[str, TrialConfig], baseline: str, compute: Compute, number: int
) -> tuple[str, ProcessTimes]:
    """Return the node of this worker and what it measured."""
    import ray

    node_id: str = ray.get_runtime_context().get_node_id()
    return node_id, run_process(cells, baseline, compute, number=number)
