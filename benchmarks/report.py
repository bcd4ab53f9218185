"""Measure how long a large report takes: `python benchmarks/report.py`.

An MLflow store (SQLite) gets 10,000 runs, and a ledger gets an experiment with 1,000 of them: 200
cells with five seeds, each with 233 frames of 11 classes and 400 points of curves. The table
compares reading metrics by run id, as reports do, with MLflow's search over all runs, and lists the
duration and the peak memory of `vss-orch report`.
"""

import io
import itertools
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from mlflow import MlflowClient

from orchestrator.ledger.entries import ExperimentEntry, ImportedTrial, Member
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings, load_settings
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.tracking.tracker import Tracker
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement
from vss.trial_config import TrialConfig, parse_settings

RUNS, TRIALS, SEEDS = 10_000, 1_000, 5
FRAMES, CLASSES, POINTS = 233, 11, 400
NAME = "large"
METRICS, PARAMS, TAGS = 8, 12, 6  # their numbers in each run outside the experiment
CAMVID = {
    "dataset": "camvid", "frame_width": 480, "frame_height": 360, "steps": 1000, "batch_size": 8,
    "optimizer": "sgd", "precision": "fp32", "include_current_frame": False,
}  # fmt: skip
GRID = {
    "head": ["tma", "apnb_tma", "cc_tma", "da_tma"],
    "backbone": ["resnet18", "resnet50"],
    "memory_length": [1, 2, 4, 6, 8],
    "frame_stride": [1, 3, 6, 12, 30],
    "learning_rate": [0.01],
}


def main() -> None:
    """Fill a store, measure, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VSS_HOME"] = folder
        settings = load_settings()
        tracker = Tracker(settings.tracking_uri, settings.artifacts)
        run_ids = [f"{number:032x}" for number in range(0, RUNS, RUNS // TRIALS)]
        _fill(settings, tracker, run_ids)
        runs: dict[str, object] = {}
        by_id = min(
            _measure_seconds(lambda: runs.update(tracker.read_runs(run_ids))) for _ in range(3)
        )
        assert len(runs) == TRIALS
        client = MlflowClient(settings.tracking_uri)
        search = _measure_seconds(lambda: _search_all(client, tracker.experiment_id))
        command = [sys.executable, "-m", "orchestrator.cli.app", "report", NAME]
        report = _measure_seconds(lambda: subprocess.run(command, check=True))
        peak_memory_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        text = (settings.report_folder(NAME) / "report.md").read_text()
        assert f"{TRIALS} of {TRIALS} trials finished" in text
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores\n")
    print(f"| {TRIALS:,} trials of {RUNS:,} runs | seconds | peak memory, MiB |\n|---|--:|--:|")
    print(f"| metrics, by run id | {by_id:.2f} | |")
    print(f"| metrics, search_runs over all runs | {search:.2f} | |")
    print(f"| `vss-orch report` | {report:.1f} | {peak_memory_mib:.0f} |")


def _fill(settings: Settings, tracker: Tracker, run_ids: Sequence[str]) -> None:
    cells = list(_cells())
    assert len(cells) * SEEDS == TRIALS
    trials = [
        (name, parse_settings({**config, "seed": s}))
        for name, config in cells
        for s in range(SEEDS)
    ]
    ledger = Ledger(settings.ledger_url)
    members = [Member(PlannedTrial(name, config), "f" * 64) for name, config in trials]
    imported_trials = [
        ImportedTrial(member, position, run_id, 1)
        for position, (member, run_id) in enumerate(zip(members, run_ids, strict=True))
    ]
    entry = ExperimentEntry(NAME, "A large study.", "name: large\n", cells[0][0])
    ledger.add_finished(entry, imported_trials)
    parent = tracker.open_experiment_run(ledger.experiment(NAME))
    ledger.set_experiment_run(NAME, parent)
    tracker.log_latency(parent, _make_latency([name for name, _ in cells]))
    configs = dict(zip(run_ids, [config for _, config in trials], strict=True))
    scores = {run_id: _write_files(settings, run_id, config) for run_id, config in configs.items()}
    _fill_store(settings, tracker.experiment_id, configs, scores)


def _cells() -> Iterator[tuple[str, dict[str, object]]]:
    for values in itertools.product(*GRID.values()):
        settings = dict(zip(GRID, values, strict=True))
        yield " ".join(map(str, values)), {**CAMVID, **settings}


def _write_files(settings: Settings, run_id: str, config: TrialConfig) -> float:
    """Write the files of a finished trial; return its mIoU."""
    rng = np.random.default_rng(int(run_id, 16))
    folder = settings.artifacts / run_id / "artifacts"
    folder.mkdir(parents=True)
    accuracy = 0.5 + 0.01 * config.memory_length + 0.01 * rng.normal()
    counts = rng.poisson(20, (FRAMES, CLASSES, CLASSES)).astype(np.uint32)
    counts += (accuracy * 500 * np.eye(CLASSES)).astype(np.uint32)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        frame=np.array([f"seq{n // 60}/{n:05d}" for n in range(FRAMES)]),
        classes=np.array([f"class {n}" for n in range(CLASSES)]),
        confusion=counts,
    )
    (folder / "frames.npz").write_bytes(content.getvalue())
    loss = 2 * np.exp(-np.arange(POINTS) / 100) + 0.1 * rng.random(POINTS)
    lines = [f"train/loss,{step},{value}" for step, value in enumerate(loss)]
    (folder / "curves.csv").write_text("\n".join(["curve,step,value", *lines]) + "\n")
    total = counts.sum(axis=0)
    correct = np.diagonal(total)
    return float((correct / (total.sum(axis=0) + total.sum(axis=1) - correct)).mean())


def _make_latency(cells: Sequence[str]) -> LatencyMeasurement:
    rng = np.random.default_rng(0)
    baseline = [10 + rng.normal(0, 0.1) for _ in range(7)]
    latencies = {}
    for index, name in enumerate(cells):
        rounds = [10 + index / 10 + rng.normal(0, 0.1) for _ in range(7)]
        clip = FormLatency(
            median_ms=float(np.median(rounds)),
            p95_ms=max(rounds),
            rounds_ms=rounds,
            baseline_rounds_ms=baseline,
        )
        latencies[name] = CellLatency(
            trial_id="", precision="fp32", parameters=1, gflops=1.0, peak_memory_mib=1.0, clip=clip
        )
    conditions = {
        "batch_size": 1, "rounds": 7, "runs_per_round": 5, "device": "none", "threads": 1
    }  # fmt: skip
    return LatencyMeasurement(conditions=conditions, cells=latencies)


def _fill_store(
    settings: Settings,
    experiment_id: str,
    configs: dict[str, TrialConfig],
    scores: dict[str, float],
) -> None:
    """Insert all runs with SQL, as MLflow's client would take minutes."""
    runs = [f"{number:032x}" for number in range(RUNS)]
    metrics, params, tags = [], [], []
    for run in runs:
        if run in configs:
            values = {"miou": scores[run], "pixel_accuracy": 0.9, "train_seconds": 3600.0}
            values |= {"parameters": 1e7, "peak_memory_mib": 900.0, "scored_frames": FRAMES}
            values |= {f"iou/class {n}": scores[run] for n in range(CLASSES)}
            params += [(name, str(v), run) for name, v in configs[run].settings().items()]
            tags += [("scored_split", "test", run), ("data_fingerprint", "f" * 64, run)]
        else:
            values = {f"metric_{m}": 0.5 for m in range(METRICS)}
            params += [(f"setting_{p}", "1", run) for p in range(PARAMS)]
            tags += [(f"tag_{t}", "x", run) for t in range(TAGS)]
        metrics += [(name, value, run) for name, value in values.items()]
    artifacts = settings.artifacts.as_uri()
    columns = (
        "run_uuid, name, source_type, source_name, user_id, status, start_time, "
        "lifecycle_stage, artifact_uri, experiment_id"
    )
    path = settings.tracking_uri.removeprefix("sqlite:///")
    with sqlite3.connect(path) as database:
        database.executemany(
            f"INSERT INTO runs ({columns}) VALUES (?,?,'LOCAL','','u','FINISHED',1,'active',?,?)",
            [(run, run, f"{artifacts}/{run}/artifacts", int(experiment_id)) for run in runs],
        )
        database.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
            "VALUES (?,?,1,1,0,?)",
            metrics,
        )
        database.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?,?,?)", params)
        database.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?,?,?)", tags)


def _search_all(client: MlflowClient, experiment_id: str) -> None:
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=1000, page_token=token)
        token = page.token
        if not token:
            return


def _measure_seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
