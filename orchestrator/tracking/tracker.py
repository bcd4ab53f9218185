"""MLflow: write measurements, and read them back.

Each trial has one run, created once and reopened by later attempts. Each experiment has one parent
run with its spec, its cells' latency and its report. All runs belong to one MLflow experiment, as a
trial can belong to several of ours, each of which is a tag of the run: `experiment/<name>` = cell.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from orchestrator.ledger.entries import ExperimentStatus
from orchestrator.secrecy import redact
from orchestrator.secrecy.addresses import take_login_of_server, with_own_password
from orchestrator.settings import is_verbose, read_password_files
from orchestrator.tracking import store
from orchestrator.tracking.outage import find_outage
from orchestrator.tracking.store import TrackingUnreachableError
from orchestrator.tracking.study_run import StudyNumbers, log_study
from orchestrator.tracking.study_view import share_view
from orchestrator.tracking.trial_run import TrialRun, make_run_tags
from vss.errors import UserError
from vss.profiling.latency_measurement import LatencyMeasurement

# Transient: a later attempt may succeed.
TRACKING_ERRORS = (MlflowException, TrackingUnreachableError)
MLFLOW_EXPERIMENT = "vss-orch"
LATENCY = "latency.json"
# Without it, the UI opens in a mode for chat agents.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
_LOGIN = (
    "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD_FILE; workers need them before "
    "their Ray starts"
)


@dataclass(frozen=True)
class RunContent:
    """The content of a trial's run.

    Attributes:
        metrics: metric -> last value.
        tags: tag -> text.
        artifact_uri: the address of its files.
    """

    metrics: dict[str, float]
    tags: dict[str, str]
    artifact_uri: str = ""


class Tracker:
    """A connection to one tracking store.

    Args:
        uri: address of the store, without its password if MLFLOW_TRACKING_URI has it.
        artifacts: the folder of artifacts if the store is a database; a server chooses its own
            location.

    Raises:
        TrackingUnreachableError: if the store cannot be reached.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        if not is_verbose():
            for name in ("alembic", "mlflow", "urllib3"):  # urllib3 warns of every retry
                logging.getLogger(name).setLevel(logging.ERROR)
        read_password_files()  # in a worker, nothing else has read them
        uri = take_login_of_server(with_own_password(uri, "MLFLOW_TRACKING_URI"))
        self.uri = uri
        try:
            store.check_connection(uri)
            store.check_server(uri)
            self._client = MlflowClient(tracking_uri=uri)
            self.experiment_id = self._open_experiment(artifacts)
        except Exception as error:  # the drivers of stores raise many kinds of errors
            cause = store.find_root_cause(error)
            remedy = _LOGIN if " 401 " in f"{cause} " else store.ADDRESS_REMEDY
            raise TrackingUnreachableError(
                f"cannot reach MLflow at {redact(uri)}: {cause}; {remedy}", find_outage(error)
            ) from None

    def _open_experiment(self, artifacts: Path) -> str:
        experiment = self._client.get_experiment_by_name(MLFLOW_EXPERIMENT)
        if experiment is not None:
            if experiment.lifecycle_stage == "deleted":
                self._client.restore_experiment(experiment.experiment_id)
            for name, value in _EXPERIMENT_TAGS.items():
                if name not in experiment.tags:
                    self._client.set_experiment_tag(experiment.experiment_id, name, value)
            return str(experiment.experiment_id)
        if self.uri.startswith("sqlite:"):
            store.use_write_ahead_log(self.uri)
        # A server knows where its files belong; with a database, we are the server.
        location = artifacts.as_uri() if store.is_database(self.uri) else None
        try:
            return self._client.create_experiment(MLFLOW_EXPERIMENT, location, _EXPERIMENT_TAGS)
        except MlflowException:  # another process has just created it
            experiment = self._client.get_experiment_by_name(MLFLOW_EXPERIMENT)
            if experiment is None:
                raise
            return str(experiment.experiment_id)

    def open_trial(
        self, name: str, trial_id: str, run_id: str | None, tags: Mapping[str, Any]
    ) -> "TrialRun":
        """Create the run of a trial, or reopen it.

        Args:
            name: name of a new run.
            trial_id: id of the trial.
            run_id: the run recorded in the ledger; if None, the run with the trial's tag is
                reopened, as a worker may have died before its run reached the ledger.
            tags: tags to set on the run.
        """
        run = self._get_run(run_id) or self._find_run(trial_id)
        is_new = run is None
        if run is None:
            run = self._client.create_run(
                self.experiment_id, run_name=name, tags={"trial_id": trial_id}
            )
        else:
            self._client.update_run(run.info.run_id, status="RUNNING")
        self._client.log_batch(run.info.run_id, tags=make_run_tags(tags))
        return TrialRun(self._client, run.info.run_id, is_new)

    def _get_run(self, run_id: str | None) -> Run | None:
        if run_id is None:
            return None
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None  # permanently deleted: a new run takes its place
        return run if run.info.lifecycle_stage == "active" else None

    def _find_run(self, trial_id: str) -> Run | None:
        query = f"tags.trial_id = '{trial_id}'"
        runs = self._client.search_runs([self.experiment_id], query, max_results=1)
        return runs[0] if runs else None

    def tag(self, run_id: str, name: str, value: str) -> None:
        """Set one tag of a run; a missing run is skipped."""
        with self._skip_missing(run_id):
            self._client.set_tag(run_id, name, redact(value))

    def untag(self, run_id: str, name: str) -> None:
        """Remove one tag of a run; a missing run is skipped."""
        with self._skip_missing(run_id):
            self._client.delete_tag(run_id, name)

    @contextmanager
    def _skip_missing(self, run_id: str) -> Iterator[None]:
        try:
            yield
        except MlflowException:
            if self.has_run(run_id):
                raise

    def delete_runs(self, run_ids: Iterable[str]) -> None:
        """Mark runs as deleted; `mlflow gc` removes them for good. Missing runs are skipped."""
        for run_id in run_ids:
            if self._get_run(run_id) is not None:
                self._client.delete_run(run_id)

    def open_experiment_run(self, experiment: ExperimentStatus) -> str:
        """Create the parent run of an experiment, or reopen it, and return its id."""
        run = self._get_run(experiment.run_id)
        if run is None:
            run = self._client.create_run(self.experiment_id, run_name=experiment.name)
        run_id: str = run.info.run_id
        tags = {
            f"experiment/{experiment.name}": "(report)",
            "mlflow.note.content": experiment.description,
        }
        self._client.update_run(run_id, status="RUNNING")
        self._client.log_batch(run_id, tags=make_run_tags(tags))
        self._client.log_text(run_id, redact(experiment.source), "spec.yaml")
        return run_id

    def close_experiment_run(self, run_id: str, finished: bool) -> None:
        """Close the parent run of an experiment."""
        self._client.set_terminated(run_id, "FINISHED" if finished else "KILLED")

    def log_latency(self, run_id: str, measurement: LatencyMeasurement) -> None:
        """Write the latency of an experiment's cells to its parent run."""
        self._client.log_text(run_id, measurement.model_dump_json(indent=2), LATENCY)

    def read_latency(self, run_id: str | None) -> LatencyMeasurement:
        """Read the latency of an experiment's cells; it has no cells if it was never measured."""
        content = self._read_artifact(run_id, LATENCY) if run_id else None
        return LatencyMeasurement.model_validate_json(content) if content else LatencyMeasurement()

    def has_run(self, run_id: str) -> bool:
        """Return whether a run is in this experiment of the store, and not deleted."""
        run = self._get_run(run_id)
        return run is not None and run.info.experiment_id == self.experiment_id

    def log_report(self, run_id: str, folder: Path) -> None:
        """Attach a report to an experiment's parent run, and replace an earlier one.

        A remote store keeps files that only the earlier report has.
        """
        artifacts = store.find_local_folder(self._client.get_run(run_id).info.artifact_uri)
        if artifacts is not None:
            shutil.rmtree(artifacts / "report", ignore_errors=True)
        self._client.log_artifacts(run_id, str(folder), "report")

    def read_runs(self, run_ids: Sequence[str]) -> dict[str, RunContent]:
        """Read runs by id, without deleted ones."""
        contents = {}
        with store.pause_garbage_collection():
            for first in range(0, len(run_ids), 100):
                quoted_ids = ", ".join(f"'{run_id}'" for run_id in run_ids[first : first + 100])
                query = f"attributes.run_id IN ({quoted_ids})"
                for run in self._client.search_runs([self.experiment_id], query, max_results=1000):
                    contents[run.info.run_id] = RunContent(
                        dict(run.data.metrics), dict(run.data.tags), run.info.artifact_uri
                    )
        return contents

    def read_file(self, run_id: str, content: RunContent, name: str) -> bytes | None:
        """Read a file of a run; return None if it was never logged or was deleted."""
        folder = store.find_local_folder(content.artifact_uri)
        if folder is None:
            return self._read_artifact(run_id, name)
        # Faster than MLflow, which would query its database for each of thousands of files.
        try:
            return (folder / name).read_bytes()
        except OSError:
            return None

    def find_run_id(self, trial_id: str) -> str | None:
        """Return the id of a trial's run, or None if it has none."""
        run = self._find_run(trial_id)
        return str(run.info.run_id) if run else None

    def download_trial(self, run_id: str, folder: Path) -> Path:
        """Download the settings and weights of a trial's run, unless `folder` already has them.

        Returns:
            the subfolder with config.json and weights.safetensors.

        Raises:
            UserError: if there is no such run, or it has no weights.
        """
        if self._get_run(run_id) is None:
            raise UserError(f"MLflow at {redact(self.uri)} has no run '{run_id}'")
        run_folder = folder / run_id
        run_folder.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "weights.safetensors"):
            if not (run_folder / name).exists():
                self._download(run_id, name, run_folder)
        return run_folder

    def _download(self, run_id: str, name: str, folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as temporary_folder:
            try:
                file = Path(self._client.download_artifacts(run_id, name, temporary_folder))
            except (MlflowException, OSError):
                raise UserError(
                    f"run '{run_id}' has no {name}: wait until its trial has finished"
                ) from None
            file.replace(folder / name)

    def log_study(self, run_id: str, numbers: StudyNumbers) -> None:
        """Write what an experiment says about its cells and trials, as far as it has changed."""
        contents = self.read_runs([run_id, *numbers.trials])
        logged = {run: content.metrics for run, content in contents.items()}
        log_study(self._client, run_id, numbers, logged)

    def share_view(
        self, experiment: str, varying: Sequence[str], run_id: str | None = None
    ) -> bool:
        """Keep the views of an experiment for `pages`; see `study_view.share_view`."""
        return share_view(self._client, self.experiment_id, experiment, varying, run_id)

    def _read_artifact(self, run_id: str, path: str) -> bytes | None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return Path(self._client.download_artifacts(run_id, path, folder)).read_bytes()
            except (MlflowException, OSError):
                return None  # never logged, or deleted: the report says that it is missing
