"""The MLflow run of one trial, written by its worker."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from vss.training.inputs import Progress, TrialResult

ARTIFACTS = (
    "config.json",
    "environment.json",
    "data.json",
    "result.json",
    "curves.csv",
    "frames.npz",
    "samples.npz",
    "weights.safetensors",
)
# Fields of a result that are logged as metrics with the same name.
NUMBERS = (
    "train_seconds",
    "step_ms_median",
    "step_ms_p95",
    "parameters",
    "peak_memory_mib",
    "scored_frames",
    "scored_step",
)


class TrialRun:
    """The run of one trial, open for writing."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id
        # A resumed trial repeats some steps, whose points are already in the store.
        history = client.get_metric_history(run_id, "train/loss")
        self._logged_step = max((point.step for point in history), default=0)

    def log(self, progress: Progress) -> None:
        """Write the new points of the curves; between evaluations there are none."""
        points = [
            (f"train/{name}", value, step)
            for step, loss, rate in progress.curve
            for name, value in (("loss", loss), ("learning_rate", rate))
        ]
        points += [(f"val/{k}", value, progress.step) for k, value in progress.scores.items()]
        new_points = [point for point in points if point[2] > self._logged_step]
        if new_points:
            self._log_metrics(new_points)
            self._logged_step = max(step for _, _, step in new_points)

    def finish(self, result: TrialResult, directory: Path) -> None:
        """Write scores, settings and artifacts, and close the run."""
        settings = json.loads((directory / "config.json").read_text())
        environment = json.loads((directory / "environment.json").read_text())
        values = {
            **result.metrics,
            **{f"iou/{name}": value for name, value in result.iou.items()},
            **{name: getattr(result, name) for name in NUMBERS},
        }
        step = settings["steps"]
        self._log_metrics([(k, float(v), step) for k, v in values.items() if v is not None])
        tags = {
            **environment,
            "scored_split": result.scored_split,
            "data_fingerprint": result.data_fingerprint,
        }
        params = [Param(name, str(value)) for name, value in settings.items()]
        self._client.log_batch(self.run_id, params=params, tags=make_run_tags(tags))
        for name in ARTIFACTS:
            self._client.log_artifact(self.run_id, str(directory / name))
        self._client.log_artifacts(self.run_id, str(directory / "pictures"), "pictures")
        self._client.set_terminated(self.run_id, "FINISHED")

    def close(self, status: str, message: str = "") -> None:
        """End the run without a result: status KILLED or FAILED."""
        if message:
            self._client.set_tag(self.run_id, "error", message[:5000])
        self._client.set_terminated(self.run_id, status)

    def _log_metrics(self, points: Sequence[tuple[str, float, int]]) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(make_metric_name(name), value, now, step) for name, value, step in points]
        for first in range(0, len(metrics), 1000):
            self._client.log_batch(self.run_id, metrics=metrics[first : first + 1000])


def make_metric_name(name: str) -> str:
    """Replace the characters that MLflow forbids: all but letters, digits and "_-. :/"."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def make_run_tags(values: Mapping[str, Any]) -> list[RunTag]:
    """Convert values to tags, and leave out values that are None."""
    return [RunTag(name, str(value)) for name, value in values.items() if value is not None]
