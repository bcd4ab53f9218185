"""How long a report's numbers take to read: `python benchmarks/tracking.py`.

Prints a table: 1,000 trials out of a store of 10,000 runs (SQLite, 25 metrics, 50 parameters and
20 tags a run), read by run id as reports do, against MLflow's search over everything.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mlflow import MlflowClient

from orchestrator.tracking import Tracker

RUNS, TRIALS = 10_000, 1_000
METRICS, PARAMS, TAGS = 8, 12, 6


def main() -> None:
    """Fill a store, measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/mlflow.db"
        tracker = Tracker(uri, Path(folder) / "artifacts")
        _fill(Path(folder) / "mlflow.db", tracker.experiment_id)
        run_ids = [f"{number:032x}" for number in range(0, RUNS, RUNS // TRIALS)]
        found: dict[str, object] = {}
        ours = min(_seconds(lambda: found.update(tracker.measured(run_ids))) for _ in range(3))
        assert len(found) == TRIALS
        client = MlflowClient(uri)
        search = _seconds(lambda: _search_all(client, tracker.experiment_id))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores\n")
    print(f"| {TRIALS:,} trials of {RUNS:,} runs | seconds |\n|---|--:|")
    print(f"| by run id | {ours:.2f} |")
    print(f"| search_runs over everything | {search:.2f} |")


def _fill(path: Path, experiment_id: str) -> None:
    runs = [f"{number:032x}" for number in range(RUNS)]
    with sqlite3.connect(path) as database:
        columns = (
            "run_uuid, name, source_type, source_name, user_id, status, start_time, "
            "lifecycle_stage, artifact_uri, experiment_id"
        )
        database.executemany(
            f"INSERT INTO runs ({columns}) VALUES (?,?,'LOCAL','','u','FINISHED',1,'active','',?)",
            [(run, run, int(experiment_id)) for run in runs],
        )
        database.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
            "VALUES (?,0.5,1,1,0,?)",
            [(f"metric_{m}", run) for run in runs for m in range(METRICS)],
        )
        database.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?,'1',?)",
            [(f"setting_{p}", run) for run in runs for p in range(PARAMS)],
        )
        database.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?,'x',?)",
            [(f"tag_{t}", run) for run in runs for t in range(TAGS)],
        )


def _search_all(client: MlflowClient, experiment_id: str) -> None:
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=1000, page_token=token)
        token = page.token
        if not token:
            return


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
