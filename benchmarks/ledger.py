"""Time of commands that read a large ledger: `python benchmarks/ledger.py [--trials 100000]`.

A ledger is filled with finished experiments of 100 trials and one that runs, as drivers would leave
them: every trial has an attempt, every tenth two. Then each command runs in a new process, several
times; the table shows the median of its processor time (user and system) and of its wall-clock
time. The ledger is an SQLite file, or the database at `--url`, which must be empty.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestrator.ledger import tables
from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger

TRIALS_OF_EXPERIMENT = 100
COMMANDS = {
    "vss-orch --version": ["--version"],
    "vss-orch status": ["status"],
    "vss-orch status --json": ["status", "--json"],
    "vss-orch status study_00000 (finished)": ["status", "study_00000"],
    "vss-orch status NAME (running)": ["status"],
    "vss-orch status studi_00000 (unknown)": ["status", "studi_00000"],
    "vss-orch watch NAME, to its first lines": ["watch"],
}


def main() -> None:
    """Fill a ledger, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--url", help="address of an empty database (default: a new SQLite file)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        url = options.url or f"sqlite:///{Path(home) / 'ledger.db'}"
        names = fill(url, options.trials)
        print(f"{options.trials:,} trials in {len(names):,} experiments, {url.partition(':')[0]}\n")
        print("| command | processor, s | wall clock, s |")
        print("| :-- | --: | --: |")
        environment = {**os.environ, "VSS_HOME": home, "VSS_LEDGER_URL": url}
        for label, arguments in COMMANDS.items():
            chosen = [*arguments, names[-1]] if "NAME" in label else arguments
            times = [measure(chosen, environment) for _ in range(options.repeats)]
            processor, wall = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"| {label.replace('NAME', names[-1])} | {processor:.2f} | {wall:.2f} |")


def measure(arguments: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command, and return its processor time and its wall-clock time in seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator.cli.app", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if arguments[0] == "watch" and line.startswith("["):
            process.send_signal(signal.SIGINT)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start


def fill(url: str, trial_count: int) -> list[str]:
    """Fill an empty ledger, and return the names of its experiments."""
    Ledger(url)  # creates the tables
    names = [f"study_{n:05d}" for n in range(trial_count // TRIALS_OF_EXPERIMENT)]
    with sa.create_engine(url).begin() as db:
        db.execute(sa.insert(tables.drivers), [_driver()])
        db.execute(sa.insert(tables.leases), [{"experiment": names[-1], "driver": "d" * 36}])
        db.execute(sa.insert(tables.experiments), [_experiment(name) for name in names])
        for number, name in enumerate(names):
            is_running = number == len(names) - 1
            rows = [_rows(name, number, position, is_running) for position in range(100)]
            db.execute(sa.insert(tables.trials), [trial for trial, _, _ in rows])
            db.execute(sa.insert(tables.members), [member for _, member, _ in rows])
            db.execute(sa.insert(tables.attempts), [a for _, _, more in rows for a in more])
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as db:
        db.execute(sa.text("ANALYZE" if url.startswith("postgresql") else "PRAGMA optimize"))
    return names


def _experiment(name: str) -> dict[str, Any]:
    plan = {"seeds": list(range(5)), "looks": [], "earlier_seeds": [], "published": {}}
    text = {"description": "a study", "source": "base:\n" * 50, "baseline": "cell 0"}
    return {"name": name, "created_at": tables.now(), **plan, **text}


def _driver() -> dict[str, Any]:
    return {"driver": "d" * 36, "host": "another-host", "pid": 1, "seen_at": _LATER}


def _rows(
    name: str, number: int, position: int, is_running: bool
) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Return the rows of a trial: itself, its membership and its attempts."""
    trial_id = f"{number * TRIALS_OF_EXPERIMENT + position:012x}"
    state = State.FINISHED
    if is_running and position >= 50:
        state = State.RUNNING if position < 54 else State.PENDING
    trial = {
        "trial_id": trial_id, "settings": _SETTINGS, "state": state, "run_id": "r" * 32,
        "data_fingerprint": "f" * 64, "driver": "d" * 36 if state == State.RUNNING else None,
        "step": 500, "loss": 0.3, "miou": 0.5, "heartbeat_at": tables.now(),
    }  # fmt: skip
    member = {"experiment": name, "trial_id": trial_id, "position": position, "priority": 0}
    attempts = [] if state == State.PENDING else list(_attempts(trial_id, position, state))
    return trial, {**member, "cell": f"cell {position // 5}", "seed": position % 5}, attempts


def _attempts(trial_id: str, position: int, state: State) -> Iterator[dict[str, Any]]:
    last = 2 if position % 10 == 0 else 1
    for number in range(1, last + 1):
        started_at = tables.now() - timedelta(hours=last - number + 1)
        yield {
            "trial_id": trial_id, "number": number, "started_at": started_at, "first_step": 0,
            "state": state if number == last else State.FAILED,
            "ended_at": None if number == last and state == State.RUNNING else tables.now(),
        }  # fmt: skip


_LATER = tables.now() + timedelta(days=1)  # the driver must not look dead before the end
_SETTINGS = (
    '{"dataset": "camvid", "frame_width": 480, "frame_height": 360, "frame_stride": 30, '
    '"backbone": "resnet18", "head": "tma", "memory_length": 2, "include_current_frame": false, '
    '"steps": 1000, "batch_size": 8, "optimizer": "adamw", "learning_rate": 0.001, "seed": 0, '
    '"weight_decay": 0.0005, "gradient_clip": 0.0, "schedule": "poly", "poly_power": 0.9, '
    '"class_weights": "none", "flip": true, "scale_min": 1.0, "scale_max": 1.0, "eval_every": 0, '
    '"precision": "bf16", "select": "last", "scored_split": "test"}'
)

if __name__ == "__main__":
    main()
