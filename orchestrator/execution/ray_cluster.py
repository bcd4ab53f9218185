"""Ray: runs jobs on a cluster, or on this machine. The only module that knows Ray.

Ray Tune is the executor, not the memory: every round is a fresh Tuner over an explicit list of
jobs, and what was done is read from the ledger, never from Tune's snapshots.
"""

import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Read when Ray is imported. Results are read from our own reports, so Tune's loggers are off; the
# first Ctrl-C is ours; a client shows the token that it has only if told so.
if (
    os.environ.get("RAY_AUTH_TOKEN")
    or os.environ.get("RAY_AUTH_TOKEN_PATH")
    or Path("~/.ray/auth_token").expanduser().exists()
):
    os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

import ray
from ray import tune
from ray._private import ray_constants

from orchestrator.execution.job import Events, Job, Outcome
from orchestrator.ledger.ledger import State
from vss.errors import UserError
from vss.trial_config import TrialConfig, parse_settings

_TOKEN_FILE = Path.home() / ".ray" / "auth_token"


@dataclass(frozen=True)
class Cluster:
    """A connection to Ray.

    Attributes:
        dashboard_url: of its dashboard, or None.
        address: by which others can join it.
    """

    dashboard_url: str | None
    address: str

    def check_fits(self, cpus: float, gpus: float) -> None:
        """See that some node can run a trial at all.

        Raises:
            UserError: naming what is asked for and what is there; Ray itself would wait for ever.
        """
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(n.get("CPU", 0) >= cpus and n.get("GPU", 0) >= gpus for n in nodes):
            there = ", ".join(
                f"{n.get('CPU', 0):g} CPUs and {n.get('GPU', 0):g} GPUs" for n in nodes
            )
            raise UserError(
                f"each trial asks for {cpus:g} CPUs and {gpus:g} GPUs on one node; there: {there}; "
                "lower 'resources' in the spec, or give the --address of another cluster"
            )

    def run(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
    ) -> None:
        """Run jobs side by side, as far as there is room."""
        watcher = _Watcher(events, should_stop)
        name = f"round-{time.time_ns()}"
        trainable = tune.with_resources(_tune_worker, _resources)
        tuner = tune.Tuner(
            trainable,
            param_space={"job": tune.grid_search([asdict(job) for job in jobs])},
            tune_config=tune.TuneConfig(
                reuse_actors=True,  # importing torch takes longer than many a trial
                trial_name_creator=_trial_name,
                trial_dirname_creator=_trial_name,
            ),
            run_config=tune.RunConfig(
                name=name,
                storage_path=str(folder),
                verbose=0,
                callbacks=[watcher],
                stop=_Stopper(watcher),
                failure_config=tune.FailureConfig(max_failures=0),  # retries are ours
            ),
        )
        try:
            tuner.fit()
        finally:
            shutil.rmtree(folder / name, ignore_errors=True)

    def trials_on_device(self, cpus: float, gpus: float) -> int:
        """As many as fit on one GPU, or on the cores of the largest machine."""
        if gpus:
            return max(1, int(1 / gpus))
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return max(1, int(max(node.get("CPU", 0) for node in nodes) / cpus))

    def measure_latency(
        self, cells: Mapping[str, TrialConfig], baseline: str, cpus: float, gpus: float
    ) -> dict[str, Any]:
        """Measure the cells' latency in one worker that has a whole GPU, if it has one."""
        settings = {name: config.settings() for name, config in cells.items()}
        remote = ray.remote(_measure_worker).options(num_cpus=cpus, num_gpus=1 if gpus else 0)
        measured: dict[str, Any] = ray.get(remote.remote(settings, baseline, cpus, gpus))
        return measured


def connect(address: str | None) -> Cluster:
    """Join a cluster, or start one on this machine.

    Args:
        address: of a running cluster (host:port, auto, ray://...), or None to start one here.

    Raises:
        UserError: if no cluster answers there.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    if address is None or _host(address) in ("127.0.0.1", "localhost"):
        # What is local listens on loopback only: Ray does so on macOS and Windows, and else
        # opens its ports to the whole network.
        ray_constants.ENABLE_RAY_CLUSTER = False
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        # "local": a file left by a cluster that was killed would else be taken for a cluster.
        # Little passes through the object store.
        options |= {"include_dashboard": True, "object_store_memory": 100 * 2**20}
    else:
        _check_answers(address)
    try:
        context = ray.init(address=address or "local", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        hint = "; if it asks for a token, RAY_AUTH_TOKEN_PATH names its file" if address else ""
        raise UserError(
            f"no Ray cluster at '{address or 'this machine'}': {reason}{hint}"
        ) from None
    if address is None and _TOKEN_FILE.exists():
        _TOKEN_FILE.chmod(0o600)  # Ray leaves it readable by every user of the machine
    url = context.dashboard_url
    return Cluster(f"http://{url}" if url else None, ray.get_runtime_context().gcs_address)


def _host(address: str) -> str:
    return address.removeprefix("ray://").rpartition(":")[0]


def _check_answers(address: str) -> None:
    """Ray itself tries for a minute before it says that nothing is there."""
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


def disconnect() -> None:
    """Leave the cluster; an embedded one ends."""
    ray.shutdown()


def _measure_worker(
    settings: Mapping[str, dict[str, Any]], baseline: str, cpus: float, gpus: float
) -> dict[str, Any]:
    from orchestrator.execution.worker import measure_here  # torch: in the worker only

    cells = {name: parse_settings(values) for name, values in settings.items()}
    return measure_here(cells, baseline, cpus, gpus)


def _tune_worker(config: dict[str, Any]) -> None:
    from orchestrator.execution.worker import run_trial  # torch: in the worker only

    outcome = run_trial(Job(**config["job"]), lambda heartbeat: tune.report(dict(heartbeat)))
    tune.report({"outcome": asdict(outcome)})


def _resources(config: dict[str, Any]) -> tune.PlacementGroupFactory:
    job = config["job"]
    return tune.PlacementGroupFactory([{"CPU": job["cpus"], "GPU": job["gpus"]}])


def _trial_id(trial: Any) -> str:
    return str(trial.config["job"]["trial_id"])


def _trial_name(trial: Any) -> str:
    return f"{_trial_id(trial)}-{trial.config['job']['attempt']}"


class _Watcher(tune.Callback):
    """Passes on what Tune's trials report, and knows which of them train."""

    def __init__(self, events: Events, should_stop: Callable[[], bool]) -> None:
        self.should_stop = should_stop
        self.training: set[str] = set()
        self._events = events
        self._outcomes: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its callbacks into snapshots that we never read."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has it; one that starts after the stop ends at once and does not count."""
        if not self.should_stop():
            self.training.add(_trial_id(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A heartbeat, or the outcome."""
        trial_id = _trial_id(trial)
        if "outcome" in result:
            self.training.discard(trial_id)
            self._outcomes.add(trial_id)
            self._events.ended(trial_id, Outcome(**result["outcome"]))
        elif "step" in result:
            heartbeat = {name: result[name] for name in ("step", "loss", "miou", "run_id")}
            self._events.reported(trial_id, heartbeat)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The worker died: killed, out of memory, its node lost."""
        trial_id = _trial_id(trial)
        self.training.discard(trial_id)
        if trial_id not in self._outcomes:
            details = _error_text(trial)
            message = f"its worker was lost: {details.strip().splitlines()[-1]}"
            self._events.ended(trial_id, Outcome(State.FAILED, message, details, retry=True))


class _Stopper(tune.Stopper):
    """Ends a round once it is to stop and nothing trains any more."""

    def __init__(self, watcher: _Watcher) -> None:
        self._watcher = watcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._watcher.should_stop() and not self._watcher.training


def _error_text(trial: Any) -> str:
    file = trial.error_file
    text = Path(file).read_text() if file and Path(file).exists() else ""
    return text.strip() or "no reason given"
