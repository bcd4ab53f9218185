"""The faults of a round that strike processes: each is done to a study that runs."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.nodes import HEAD, SECOND
from tests.faults.round import Round

_OUTAGE_SECONDS = (2.0, 12.0)
_PAUSE_SECONDS = (3.0, 20.0)


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        strike: a function that does it to a study that runs.
        needs_nobody: whether a submit survives it by itself; after others, the user submits again.
        needs_nodes: whether it needs two nodes.
        variables: environment variables of Ray's processes, whose faults are in there.
        begins_early: whether it strikes at once, and not after some progress.
    """

    strike: Callable[[Round], None]
    needs_nobody: bool = False
    needs_nodes: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    begins_early: bool = False


def _kill_one(study: Round, lines: Mapping[int, str], text: str, without: str = "\0") -> None:
    """Kill one of several processes whose command line contains one text, and not another."""
    pids = [pid for pid, line in lines.items() if text in line and without not in line]
    if pids:
        with suppress(ProcessLookupError):
            os.kill(study.rng.choice(sorted(pids)), signal.SIGKILL)


def _ray_processes(study: Round, host: str) -> Mapping[int, str]:
    nodes = study.services.nodes
    return nodes.processes(host) if nodes else study.processes()


def _kill_worker(study: Round) -> None:
    _kill_one(study, study.processes(), "ray::", without="Agent")


def _kill_agent(study: Round) -> None:
    """Kill one of the raylet's agents, without which it ends too."""
    _kill_one(study, _ray_processes(study, HEAD), "Agent")


def _kill_raylet(study: Round) -> None:
    _kill_one(study, _ray_processes(study, HEAD), "raylet/raylet ")


def _kill_second_raylet(study: Round) -> None:
    _kill_one(study, _ray_processes(study, SECOND), "raylet/raylet ")


def _kill_head(study: Round) -> None:
    _kill_one(study, _ray_processes(study, HEAD), "gcs_server ")


def kill_driver(study: Round) -> None:
    study.driver.kill()
    study.driver.wait()


def _kill_mlflow(study: Round) -> None:
    study.services.mlflow.kill()
    time.sleep(study.rng.uniform(*_OUTAGE_SECONDS))
    study.services.mlflow.start()


def _kill_postgres(study: Round) -> None:
    if study.services.postgres is not None:
        study.services.postgres.stop()
        time.sleep(study.rng.uniform(*_OUTAGE_SECONDS))
        study.services.postgres.start()


def _restart_again_and_again(kill: Callable[[Round], None]) -> Callable[[Round], None]:
    """Return a fault that kills a service every 5 to 20 s until the submit has ended."""

    def strike(study: Round) -> None:
        kill(study)
        study.wait(study.rng.uniform(5, 20))
        while study.driver.poll() is None:
            study.faults += 1
            kill(study)
            study.wait(study.rng.uniform(5, 20))

    return strike


def pause_driver(study: Round) -> None:
    study.driver.send_signal(signal.SIGSTOP)
    time.sleep(study.rng.uniform(*_PAUSE_SECONDS))
    study.driver.send_signal(signal.SIGCONT)


def _interrupt_once(study: Round) -> None:
    study.driver.send_signal(signal.SIGINT)


def _interrupt_twice(study: Round) -> None:
    study.driver.send_signal(signal.SIGINT)
    time.sleep(study.rng.uniform(0.2, 1.5))
    study.driver.send_signal(signal.SIGINT)


PROCESS_FAULTS = {
    "kill worker": Fault(_kill_worker, needs_nobody=True),
    "kill raylet": Fault(_kill_raylet),
    "kill raylet of second node": Fault(_kill_second_raylet, needs_nobody=True, needs_nodes=True),
    "kill head": Fault(_kill_head),
    "kill agent": Fault(_kill_agent),
    "kill driver": Fault(kill_driver),
    "kill MLflow": Fault(_kill_mlflow, needs_nobody=True),
    "kill PostgreSQL": Fault(_kill_postgres, needs_nobody=True),
    "restart MLflow all the time": Fault(_restart_again_and_again(_kill_mlflow), needs_nobody=True),
    "restart PostgreSQL all the time": Fault(
        _restart_again_and_again(_kill_postgres), needs_nobody=True
    ),
    "pause driver": Fault(pause_driver, needs_nobody=True),
    "Ctrl-C once": Fault(_interrupt_once),
    "Ctrl-C twice": Fault(_interrupt_twice),
}
