"""The MLflow run of one trial, written by its worker."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from orchestrator.secrecy import redact
from orchestrator.tracking import store
from orchestrator.tracking.pictures import list_pictures, log_picture, make_picture_key
from vss.options import list_implied_options
from vss.training.inputs import Picture, TrialResult

Point = tuple[str, int, float]  # curve, step, value
_MOST_POINTS = 1000  # MLflow's limit for one request
_LONGEST_DIGEST = 36  # characters

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
    """The run of one trial, open for writing.

    Args:
        client: the connection to the store.
        run_id: the run.
        is_new: whether it has just been created, so that there is nothing in it yet.
    """

    def __init__(self, client: MlflowClient, run_id: str, is_new: bool = False) -> None:
        self._client = client
        self.run_id = run_id
        self._is_new = is_new
        self._logged_steps: dict[str, int] = {}
        self._logged_pictures: set[tuple[str, int]] | None = set() if is_new else None

    def check_connection(self) -> None:
        """Check that the store answers; MLflow itself would retry for a while.

        Raises:
            OSError: if it does not.
        """
        store.check_connection(self._client.tracking_uri)

    def log(self, points: Sequence[Point], milliseconds: int | None = None) -> None:
        """Write the points that the store does not have: a resumed trial repeats some.

        Args:
            points: the points.
            milliseconds: their time since 1970; by default now.
        """
        new_points = [point for point in points if point[1] > self._logged_step(point[0])]
        # In parts, of which the store takes each as a whole or not at all.
        for first in range(0, len(new_points), _MOST_POINTS):
            part = new_points[first : first + _MOST_POINTS]
            self._log_metrics(part, milliseconds)
            for name, step, _ in part:
                self._logged_steps[name] = max(step, self._logged_steps[name])

    def forget_logged_steps(self) -> None:
        """Ask the store again which points it has: the answer to a write was lost."""
        self._is_new = False
        self._logged_steps = {}
        self._logged_pictures = None

    def log_picture(self, picture: Picture, milliseconds: int) -> None:
        """Write a picture, unless an earlier attempt has: a resumed trial repeats some."""
        if self._logged_pictures is None:
            self._logged_pictures = list_pictures(self._client, self.run_id)
        identity = (make_picture_key(picture.frame), picture.step)
        if identity not in self._logged_pictures:
            log_picture(self._client, self.run_id, picture, milliseconds)
            self._logged_pictures.add(identity)

    def _logged_step(self, name: str) -> int:
        """Return the last step of a curve in the store, or -1."""
        if name not in self._logged_steps:
            key = make_metric_name(name)
            history = [] if self._is_new else self._client.get_metric_history(self.run_id, key)
            self._logged_steps[name] = max((point.step for point in history), default=-1)
        return self._logged_steps[name]

    def finish(self, result: TrialResult, directory: Path) -> None:
        """Write scores, settings and artifacts, and close the run.

        It may be called again, by this attempt or a later one: what is there stays as it is.
        """
        settings = json.loads((directory / "config.json").read_text())
        environment = json.loads((directory / "environment.json").read_text())
        self._log_scores(result, settings.get("stop_step") or settings["steps"])
        tags = {
            **environment,
            "scored_split": result.scored_split,
            "data_fingerprint": result.data_fingerprint,
        }
        implied = list_implied_options(settings)  # would come first where the UI compares runs
        params = [
            Param(name, redact(str(value)))
            for name, value in settings.items()
            if name not in implied
        ]
        self._client.log_batch(self.run_id, params=params, tags=make_run_tags(tags))
        self._log_datasets(settings["dataset"], result, directory)
        for name in ARTIFACTS:
            self._client.log_artifact(self.run_id, str(directory / name))
        self._client.log_artifacts(self.run_id, str(directory / "pictures"), "pictures")
        self._client.set_terminated(self.run_id, "FINISHED")

    def _log_datasets(self, name: str, result: TrialResult, directory: Path) -> None:
        """Log the data as inputs of the run: its fingerprint, and the labelled frames by split."""
        frames = json.loads((directory / "data.json").read_text()).get("labelled_frames", {})
        fingerprint = result.data_fingerprint
        splits = {"train": frames.get("train"), result.scored_split: result.scored_frames}
        datasets = [
            DatasetInput(
                Dataset(
                    name=f"{name} {split}",
                    digest=fingerprint[:_LONGEST_DIGEST],
                    source_type="vss",
                    source=json.dumps({"dataset": name, "fingerprint": fingerprint}),
                    profile=json.dumps({"split": split, "labelled_frames": count}),
                ),
                [InputTag("mlflow.data.context", split)],
            )
            for split, count in splits.items()
            if count is not None
        ]
        self._client.log_inputs(self.run_id, datasets)

    def _log_scores(self, result: TrialResult, step: int) -> None:
        values = {
            **result.metrics,
            **{f"iou/{name}": value for name, value in result.iou.items()},
            **{name: getattr(result, name) for name in NUMBERS},
        }
        logged = self._client.get_run(self.run_id).data.metrics
        self._log_metrics(
            [
                (name, step, float(value))
                for name, value in values.items()
                if value is not None and not _is_equal(logged.get(make_metric_name(name)), value)
            ]
        )

    def close(self, status: str, message: str = "") -> None:
        """End the run without a result: status KILLED or FAILED."""
        if message:
            self._client.set_tag(self.run_id, "error", redact(message)[:5000])
        self._client.set_terminated(self.run_id, status)

    def _log_metrics(self, points: Sequence[Point], milliseconds: int | None = None) -> None:
        at = milliseconds or round(time.time() * 1000)
        metrics = [Metric(make_metric_name(name), value, at, step) for name, step, value in points]
        for first in range(0, len(metrics), _MOST_POINTS):
            part = metrics[first : first + _MOST_POINTS]
            self._client.log_batch(self.run_id, metrics=part)


def _is_equal(logged: float | None, value: float) -> bool:
    return logged is not None and (logged == value or (isnan(logged) and isnan(value)))


def make_metric_name(name: str) -> str:
    """Replace what MLflow forbids: all but letters, digits and "_-. :/", and paths that lead up."""
    allowed = re.sub(r"[^\w\-. :/]", "_", name)
    return "/".join("_" if part in ("", ".", "..") else part for part in allowed.split("/"))


def make_run_tags(values: Mapping[str, Any]) -> list[RunTag]:
    """Convert values to tags, and leave out values that are None."""
    return [RunTag(name, redact(str(value))) for name, value in values.items() if value is not None]
