"""Overhead of running trials: `python benchmarks/orchestration.py [--repeats 3]`.

Every way trains the same tiny trials in a new process and a new home, one way after the other; a
trial trains for a few steps, so that nearly all of the time is overhead. `submit` also keeps a
ledger, tracks every trial in MLflow and writes the report; latency is not measured. The others
only train. The last two rows, and that of MLflow, say what `submit` is made of.
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vss.training.inputs import TrialInputs

_SPEC = """
name: overhead
base: {{dataset: synthetic, clips: 2, frame_width: 48, frame_height: 32, backbone: resnet18,
  width: 8, include_current_frame: false, head_channels: 16, auxiliary_channels: 8, steps: {steps},
  batch_size: 2, optimizer: adamw, learning_rate: 1e-3, precision: fp32}}
cells:
  image: {{head: fcn}}
  memory: {{head: tma, memory_length: 1}}
seeds: [{seeds}]
"""


@dataclass(frozen=True)
class Load:
    """What every way has to run: a spec, in a home, in a number of slots."""

    spec: Path
    home: Path
    slots: int


def bare_loop(load: Load) -> None:
    """Train one trial after the other."""
    for inputs in _inputs(load):
        _train(inputs)


def pooled_tasks(load: Load) -> None:
    """Train in plain Ray tasks, whose worker processes Ray reuses."""
    import ray

    _start_ray(load)
    task = ray.remote(num_cpus=1, max_retries=0)(_train)
    ray.get([task.remote(inputs) for inputs in _inputs(load)])
    ray.shutdown()


def tune(load: Load, reuse_actors: bool) -> None:
    """Train in a Ray Tune experiment."""
    import ray
    from ray import tune

    _start_ray(load)
    inputs = _inputs(load)

    def trainable(config: dict[str, int]) -> None:
        _train(inputs[config["number"]])
        tune.report({"end": 1})

    tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"number": tune.grid_search(list(range(len(inputs))))},
        tune_config=tune.TuneConfig(reuse_actors=reuse_actors),
        run_config=tune.RunConfig(storage_path=str(load.home / "tune"), verbose=0),
    ).fit()
    ray.shutdown()


def submit(load: Load, *options: str) -> None:
    """Run `vss-orch submit`, without the measurement of latency."""
    from orchestrator.cli.app import main
    from orchestrator.execution.latency_phase import LatencyPhase

    LatencyPhase.measure = lambda *_: None  # type: ignore[method-assign]
    try:
        main(["submit", str(load.spec), *options])
    except SystemExit as end:
        if end.code:
            raise


def open_mlflow(load: Load) -> None:
    """Open MLflow's store, whose tables are created."""
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores

    Stores(load_settings()).tracker  # noqa: B018


def start_ray(load: Load) -> None:
    """Start Ray and stop it."""
    import ray

    _start_ray(load)
    ray.shutdown()


def import_torch(load: Load) -> None:
    """Import what a worker imports."""
    import orchestrator.execution.worker  # noqa: F401


# What is compared runs side by side, as the load of a shared machine changes within minutes.
TASKS, MLFLOW, SUBMIT = "pooled Ray tasks", "open MLflow: import, new tables", "vss-orch submit"
AGAIN = "the same submit again"
WAYS: dict[str, Callable[[Load], None]] = {
    MLFLOW: open_mlflow,
    TASKS: pooled_tasks,
    SUBMIT: submit,
    "vss-orch submit --in-process": lambda load: submit(load, "--in-process"),
    "bare loop": bare_loop,
    "Tune, reuse_actors": lambda load: tune(load, reuse_actors=True),
    "Tune": lambda load: tune(load, reuse_actors=False),
    "start and stop Ray": start_ray,
    "import what a worker needs (PyTorch, MLflow)": import_torch,
}


def _start_ray(load: Load) -> None:
    import logging

    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(
        address="local",
        num_cpus=load.slots,
        include_dashboard=True,
        log_to_driver=False,
        configure_logging=False,
        object_store_memory=100 * 2**20,
    )


def _inputs(load: Load) -> "Sequence[TrialInputs]":
    from orchestrator.spec.file import load_spec
    from vss.training.inputs import TrialInputs

    trials = load_spec(load.spec).trials
    return [TrialInputs(t.config, load.home / "trials", load.home / "cache") for t in trials]


def _train(inputs: "TrialInputs") -> None:
    from vss.trial.run import run_trial

    run_trial(inputs)


def _measure(way: str, load: Load) -> float:
    """Return how long a way takes in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--slots", str(load.slots)]
    home = {"VSS_HOME": str(load.home), "VSS_SPEC": str(load.spec)}
    started = time.perf_counter()
    run = subprocess.run(command, env={**os.environ, **home}, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if run.returncode:
        sys.exit(f"{way} failed:\n{run.stdout}{run.stderr}")
    return seconds


def _gaps(load: Load) -> list[float]:
    """Return the seconds from each end of an attempt to the next start on the free slot.

    An attempt starts with its first heartbeat: data has been read and the network built by then.
    """
    query = "SELECT started_at, ended_at FROM attempts"
    with closing(sqlite3.connect(load.home / "ledger.db")) as ledger:
        times = [tuple(map(datetime.fromisoformat, row)) for row in ledger.execute(query)]
    starts, ends = (sorted(column) for column in zip(*times, strict=True))
    return [
        (start - end).total_seconds()
        for end, start in zip(ends, starts[load.slots :], strict=False)
    ]


def _new_load(home: Path, trials: int, steps: int, slots: int) -> Load:
    spec = home / "spec.yaml"
    seeds = ", ".join(map(str, range(trials // 2)))
    spec.write_text(_SPEC.format(steps=steps, seeds=seeds))
    return Load(spec, home, slots)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--slots", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=1, help="medians of so many runs")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        load = Load(Path(os.environ["VSS_SPEC"]), Path(os.environ["VSS_HOME"]), options.slots)
        WAYS[options.way](load)
        return
    seconds: dict[str, list[float]] = {}
    gaps: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for way in [way for _ in range(options.repeats) for way in WAYS]:
            home = Path(tempfile.mkdtemp(dir=folder))
            load = _new_load(home, options.trials, options.steps, options.slots)
            seconds.setdefault(way, []).append(_measure(way, load))
            if way == SUBMIT:
                gaps += _gaps(load)
                seconds.setdefault(AGAIN, []).append(_measure(way, load))
    medians = {way: statistics.median(values) for way, values in seconds.items()}
    reference = medians[TASKS] + medians[MLFLOW]
    print(f"{options.trials} trials of {options.steps} steps, {options.slots} slots\n")
    print("| way | seconds | against pooled tasks and MLflow's tables |\n|---|--:|--:|")
    for way, value in medians.items():
        print(f"| {way} | {value:.1f} | {value / reference:.2f} |")
    median = statistics.median(gaps)
    print(f"\nTo the next trial on a slot: median {median:.2f} s, at most {max(gaps):.2f} s.")


if __name__ == "__main__":
    _main()
