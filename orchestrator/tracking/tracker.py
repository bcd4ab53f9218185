"""MLflow: write what was measured, read it back as records.

One run per trial, created once and re-opened by later attempts; one parent run per experiment with
its spec, its cells' latency and its report. All lie in one MLflow experiment, since a trial can
belong to several of ours: the tag `experiment/<name>` = cell says to which.
"""

import gc
import json
import logging
import os
import re
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from orchestrator.ledger.ledger import ExperimentStatus
from vss.errors import UserError

if TYPE_CHECKING:
    from vss.training.loop import Progress, TrialResult


class OutOfReachError(UserError):
    """The tracking store does not answer."""


TRACKING_ERRORS = (MlflowException, OutOfReachError)  # which a later attempt may not meet
MLFLOW_EXPERIMENT = "vss-orch"
ARTIFACTS = (
    "config.json",
    "environment.json",
    "result.json",
    "curves.csv",
    "frames.npz",
    "samples.npz",
    "weights.safetensors",
)
DATA = "data.json"  # trials finished by early versions have none
LATENCY = "latency.json"
# Fields of a result that are logged as metrics of the same name.
NUMBERS = (
    "train_seconds",
    "step_ms_median",
    "step_ms_p95",
    "parameters",
    "peak_memory_mib",
    "scored_frames",
    "scored_step",
)
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}


@dataclass(frozen=True)
class Measured:
    """What the run of a trial holds: metric -> last value, tag -> text, and where its files are."""

    metrics: dict[str, float]
    tags: dict[str, str]
    artifact_uri: str = ""


class Tracker:
    """A connection to one tracking store.

    Args:
        uri: of the store.
        artifacts: where artifacts go if the store is a local database; a server knows its own.

    Raises:
        OutOfReachError: if it does not answer.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self.uri = uri
        try:
            _check_answers(uri)
            self._client = MlflowClient(tracking_uri=uri)
            self.experiment_id = self._open_experiment(artifacts)
        except Exception as error:  # of the store's many drivers
            raise OutOfReachError(
                f"MLflow at {_shown(uri)} is out of reach: {_innermost(error)}; "
                "check MLFLOW_TRACKING_URI or VSS_HOME"
            ) from None

    def _open_experiment(self, artifacts: Path) -> str:
        found = self._client.get_experiment_by_name(MLFLOW_EXPERIMENT)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        local = self.uri.startswith("sqlite:")
        if local:
            _use_write_ahead_log(self.uri)
        try:
            return self._client.create_experiment(
                MLFLOW_EXPERIMENT, artifact_location=artifacts.as_uri() if local else None
            )
        except MlflowException:  # another process was faster
            again = self._client.get_experiment_by_name(MLFLOW_EXPERIMENT)
            if again is None:
                raise
            return str(again.experiment_id)

    def open_trial(
        self, name: str, trial_id: str, run_id: str | None, tags: Mapping[str, Any]
    ) -> "TrialRun":
        """Create the run of a trial, or re-open it.

        Args:
            name: for people.
            trial_id: whose run it is.
            run_id: as the ledger has it; without one a run with the trial's tag is looked for,
                since a worker may have died before the ledger heard of it.
            tags: what an attempt knows before it begins.
        """
        run = self._existing(run_id) or self._find(trial_id)
        if run is None:
            run = self._client.create_run(
                self.experiment_id, run_name=name, tags={"trial_id": trial_id}
            )
        else:
            self._client.update_run(run.info.run_id, status="RUNNING")
        self._client.log_batch(run.info.run_id, tags=_tags(tags))
        return TrialRun(self._client, run.info.run_id)

    def _existing(self, run_id: str | None) -> Run | None:
        if run_id is None:
            return None
        try:
            run = self._client.get_run(run_id)
        except MlflowException:
            return None  # removed for good: a new one takes its place
        return run if run.info.lifecycle_stage == "active" else None

    def _find(self, trial_id: str) -> Run | None:
        query = f"tags.trial_id = '{trial_id}'"
        found = self._client.search_runs([self.experiment_id], query, max_results=1)
        return found[0] if found else None

    def tag(self, run_id: str, name: str, value: str) -> None:
        """Set one tag of a run."""
        self._client.set_tag(run_id, name, value)

    def untag(self, run_id: str, name: str) -> None:
        """Remove one tag of a run."""
        self._client.delete_tag(run_id, name)

    def open_experiment_run(self, experiment: ExperimentStatus) -> str:
        """Create the parent run of an experiment, or re-open it; returns its id."""
        run = self._existing(experiment.run_id)
        if run is None:
            run = self._client.create_run(self.experiment_id, run_name=experiment.name)
        run_id: str = run.info.run_id
        tags = {
            f"experiment/{experiment.name}": "(report)",
            "mlflow.note.content": experiment.description,
        }
        self._client.update_run(run_id, status="RUNNING")
        self._client.log_batch(run_id, tags=_tags(tags))
        self._client.log_text(run_id, experiment.source, "spec.yaml")
        return run_id

    def close_experiment_run(self, run_id: str, finished: bool) -> None:
        """Say that nothing runs for an experiment any more."""
        self._client.set_terminated(run_id, "FINISHED" if finished else "KILLED")

    def log_latency(self, run_id: str, latency: Mapping[str, Any]) -> None:
        """Keep the latency of an experiment's cells."""
        self._client.log_dict(run_id, dict(latency), LATENCY)

    def latency(self, run_id: str | None) -> dict[str, Any]:
        """The latency of an experiment's cells; empty if it was never measured."""
        content = self._artifact(run_id, LATENCY) if run_id else None
        return json.loads(content) if content else {}

    def log_report(self, run_id: str, folder: Path) -> None:
        """Attach a report to an experiment's parent run, in the place of an earlier one.

        In a store that is not on this machine, files that the new one lacks stay.
        """
        place = _local(self._client.get_run(run_id).info.artifact_uri)
        if place is not None:
            shutil.rmtree(place / "report", ignore_errors=True)
        self._client.log_artifacts(run_id, str(folder), "report")

    def measured(self, run_ids: Sequence[str]) -> dict[str, "Measured"]:
        """Run id -> what its run holds; runs that were deleted are left out."""
        found = {}
        with uncollected():
            for first in range(0, len(run_ids), 100):
                part = ", ".join(f"'{run_id}'" for run_id in run_ids[first : first + 100])
                query = f"attributes.run_id IN ({part})"
                for run in self._client.search_runs([self.experiment_id], query, max_results=1000):
                    found[run.info.run_id] = Measured(
                        dict(run.data.metrics), dict(run.data.tags), run.info.artifact_uri
                    )
        return found

    def file(self, run_id: str, found: Measured, name: str) -> bytes | None:
        """A file of a run, or None if it was never logged or is gone."""
        place = _local(found.artifact_uri)
        if place is None:
            return self._artifact(run_id, name)
        # MLflow would ask its database again for each of thousands of files.
        try:
            return (place / name).read_bytes()
        except OSError:
            return None

    def run_of(self, trial_id: str) -> str | None:
        """The id of a trial's run, if it has one."""
        run = self._find(trial_id)
        return str(run.info.run_id) if run else None

    def download_trial(self, run_id: str, folder: Path) -> Path:
        """Bring settings and weights of a trial's run here, unless they are here already.

        Returns:
            the folder, inside of the given one, that holds config.json and weights.safetensors.

        Raises:
            UserError: if there is no such run, or it has no weights.
        """
        if self._existing(run_id) is None:
            raise UserError(f"MLflow at {_shown(self.uri)} has no run '{run_id}'")
        here = folder / run_id
        here.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "weights.safetensors"):
            if not (here / name).exists():
                self._download(run_id, name, here)
        return here

    def _download(self, run_id: str, name: str, folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            try:
                file = Path(self._client.download_artifacts(run_id, name, unfinished))
            except (MlflowException, OSError):
                raise UserError(f"run '{run_id}' has no {name}: is its trial finished?") from None
            file.replace(folder / name)

    def runs_page(self, experiment: str | None) -> str:
        """The part of the UI's address, after the host, that shows an experiment's runs."""
        page = f"#/experiments/{self.experiment_id}/runs"
        if experiment is None:
            return page
        query = f"tags.`experiment/{experiment}` LIKE '%'"
        return f"{page}?searchFilter={quote(query, safe='')}"

    def _artifact(self, run_id: str, path: str) -> bytes | None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return Path(self._client.download_artifacts(run_id, path, folder)).read_bytes()
            except (MlflowException, OSError):
                return None  # never logged, or deleted: the report says that it is missing


class TrialRun:
    """The run of one trial, open for writing."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id
        # A resumed training passes some steps again; their points are in the store already.
        history = client.get_metric_history(run_id, "train/loss")
        self._logged_step = max((point.step for point in history), default=0)

    def log(self, progress: "Progress") -> None:
        """Write the new points of the curves; nothing between two scorings."""
        points = [
            (f"train/{name}", value, step)
            for step, loss, rate in progress.curve
            for name, value in (("loss", loss), ("learning_rate", rate))
        ]
        points += [(f"val/{k}", value, progress.step) for k, value in progress.scores.items()]
        new = [point for point in points if point[2] > self._logged_step]
        if new:
            self._log_metrics(new)
            self._logged_step = max(step for _, _, step in new)

    def finish(self, result: "TrialResult", directory: Path) -> None:
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
        self._client.log_batch(self.run_id, params=params, tags=_tags(tags))
        for name in ARTIFACTS:
            self._client.log_artifact(self.run_id, str(directory / name))
        if (directory / DATA).is_file():
            self._client.log_artifact(self.run_id, str(directory / DATA))
        self._client.log_artifacts(self.run_id, str(directory / "pictures"), "pictures")
        self._client.set_terminated(self.run_id, "FINISHED")

    def close(self, status: str, message: str = "") -> None:
        """End the run without a result: status KILLED or FAILED."""
        if message:
            self._client.set_tag(self.run_id, "error", message[:5000])
        self._client.set_terminated(self.run_id, status)

    def _log_metrics(self, points: Sequence[tuple[str, float, int]]) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(metric_name(name), value, now, step) for name, value, step in points]
        for first in range(0, len(metrics), 1000):
            self._client.log_batch(self.run_id, metrics=metrics[first : first + 1000])


def _local(artifact_uri: str) -> Path | None:
    """The folder of a run's artifacts; None if they are not on this machine."""
    if not artifact_uri.startswith("file:"):
        return None
    return Path(url2pathname(urlsplit(artifact_uri).path))


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collections, which look at all rows of a store again and again.

    A thousand runs are read in a third of the time.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _tags(values: Mapping[str, Any]) -> list[RunTag]:
    return [RunTag(name, str(value)) for name, value in values.items() if value is not None]


def metric_name(name: str) -> str:
    """MLflow allows letters, digits and "_-. :/" in the name of a metric."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _check_answers(uri: str) -> None:
    """MLflow itself tries for minutes before it says that no server is there."""
    address = urlsplit(uri)
    port = address.port or _PORTS.get(address.scheme.partition("+")[0])
    if address.hostname and port:
        socket.create_connection((address.hostname, port), timeout=10).close()


def _shown(uri: str) -> str:
    """An address without its password."""
    return re.sub(r"(//[^:/@]*):[^@/]*@", r"\1:***@", uri)


def _innermost(error: BaseException) -> str:
    """What the operating system or the driver said, below all that libraries wrapped around it."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return str(error).strip().splitlines()[0].partition(". ")[0]


def _use_write_ahead_log(uri: str) -> None:
    """Workers and the UI then read while another worker writes."""
    path = Path(uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
