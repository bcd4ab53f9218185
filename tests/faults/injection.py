"""The faults of a round: each is done to a study that runs."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from tests.faults.round import Round

_OUTAGE_SECONDS = (2.0, 12.0)
_PAUSE_SECONDS = (3.0, 20.0)


def _kill(study: Round, text: str, without: str = "\0") -> None:
    """Kill one of the study's processes whose command line contains one text, and not another."""
    lines = study.processes().items()
    pids = [pid for pid, line in lines if text in line and without not in line]
    if pids:
        with suppress(ProcessLookupError):
            os.kill(study.rng.choice(sorted(pids)), signal.SIGKILL)


def kill_worker(study: Round) -> None:
    _kill(study, "ray::", without="Agent")


def kill_agent(study: Round) -> None:
    """Kill one of the raylet's agents, without which it ends too."""
    _kill(study, "Agent")


def kill_raylet(study: Round) -> None:
    _kill(study, "raylet/raylet ")


def kill_driver(study: Round) -> None:
    study.driver.kill()
    study.driver.wait()


def kill_driver_and_truncate_checkpoint(study: Round) -> None:
    kill_driver(study)
    study.wait_until_quiet()
    for file in sorted(study.storage.glob("*/resume.pt")):
        os.truncate(file, study.rng.randrange(file.stat().st_size))


def kill_mlflow(study: Round) -> None:
    study.services.mlflow.kill()
    time.sleep(study.rng.uniform(*_OUTAGE_SECONDS))
    study.services.mlflow.start()


def kill_postgres(study: Round) -> None:
    if study.services.postgres is not None:
        study.services.postgres.stop()
        time.sleep(study.rng.uniform(*_OUTAGE_SECONDS))
        study.services.postgres.start()


def pause_driver(study: Round) -> None:
    study.driver.send_signal(signal.SIGSTOP)
    time.sleep(study.rng.uniform(*_PAUSE_SECONDS))
    study.driver.send_signal(signal.SIGCONT)


def interrupt_once(study: Round) -> None:
    study.driver.send_signal(signal.SIGINT)


def interrupt_twice(study: Round) -> None:
    study.driver.send_signal(signal.SIGINT)
    time.sleep(study.rng.uniform(0.2, 1.5))
    study.driver.send_signal(signal.SIGINT)


# What a submit survives by itself; after the others, the user submits again.
NEEDS_NOBODY = {"none", "kill worker", "kill MLflow", "kill PostgreSQL", "pause driver"}
FAULTS: dict[str, Callable[[Round], None]] = {
    "kill worker": kill_worker,
    "kill raylet": kill_raylet,
    "kill agent": kill_agent,
    "kill driver": kill_driver,
    "truncate checkpoint": kill_driver_and_truncate_checkpoint,
    "kill MLflow": kill_mlflow,
    "kill PostgreSQL": kill_postgres,
    "pause driver": pause_driver,
    "Ctrl-C once": interrupt_once,
    "Ctrl-C twice": interrupt_twice,
}
