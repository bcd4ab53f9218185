"""The tracker, with a real MLflow store on SQLite."""

import base64
import dataclasses
import json
import socket
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_metric_name

from orchestrator.ledger.entries import ExperimentStatus
from orchestrator.settings import Settings
from orchestrator.tracking import store
from orchestrator.tracking.pages import runs_page
from orchestrator.tracking.study_run import StudyNumbers
from orchestrator.tracking.tracker import Tracker, TrackingUnreachableError
from orchestrator.tracking.trial_run import make_metric_name
from tests.conftest import tiny
from tests.orchestrator.health.conftest import serve_pages
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement
from vss.training.inputs import TrialResult
from vss.trial_directory import TrialDirectory

CONFIG = tiny()
RESULT = TrialResult(
    scored_split="test", scored_frames=8, scored_step=4,
    metrics={"miou": 0.5, "pixel_accuracy": 0.75, "class_accuracy": 0.6},
    iou={"Sky": 0.9, "Car": None}, train_seconds=2.5, step_ms_median=600.0, step_ms_p95=700.0,
    parameters=1000, peak_memory_mib=800.0, data_fingerprint="f" * 64,
)  # fmt: skip


@pytest.fixture
def client(tracker: Tracker) -> MlflowClient:
    return MlflowClient(tracking_uri=tracker.uri)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Write a complete trial directory and return its path."""
    return write_directory(tmp_path)


def write_directory(storage: Path) -> Path:
    """Write a complete trial directory into a storage folder and return its path."""
    from PIL import Image

    trial = TrialDirectory(storage, CONFIG)
    trial.write_json("data.json", {})
    trial.write_weights({})
    trial.write_arrays("frames.npz", {"confusion": np.zeros((1, 2, 2), int)})
    trial.write_arrays("samples.npz", {"frame": np.array([])})
    trial.write_curves([("train/loss", 1, 0.5)])
    trial.write_json("environment.json", {"device": "a CPU", "git_dirty": False, "threads": 1})
    trial.write_picture(Image.new("RGB", (2, 2)), "a/1")
    trial.finish(dataclasses.asdict(RESULT))
    return trial.path


def unpack(view: str) -> Any:
    """Return the state in the tag of a shared view."""
    packed = json.loads(view)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def experiment(run_id: str | None = None) -> ExperimentStatus:
    return ExperimentStatus("study", "why", "name: study", "a", run_id, datetime.now(UTC))


Open = Callable[..., Any]


@pytest.fixture
def open_trial(tracker: Tracker) -> Open:
    def open_run(run_id: str | None = None, **tags: Any) -> Any:
        return tracker.open_trial("a, seed 0", CONFIG.trial_id, run_id, tags)

    return open_run


def test_run_is_created_once_and_reopened(open_trial: Open, client: MlflowClient) -> None:
    first = open_trial(attempt=1)
    first.close("KILLED")

    reopened_run = open_trial(first.run_id, attempt=2)

    assert reopened_run.run_id == first.run_id
    run = client.get_run(first.run_id)
    assert run.info.status == "RUNNING"
    assert run.data.tags["attempt"] == "2"


def test_run_that_never_reached_the_ledger_is_reopened(open_trial: Open) -> None:
    unrecorded_run = open_trial()

    assert open_trial(None).run_id == unrecorded_run.run_id


def test_deleted_run_is_replaced(open_trial: Open, client: MlflowClient) -> None:
    deleted_run = open_trial()
    client.delete_run(deleted_run.run_id)

    assert open_trial(deleted_run.run_id).run_id != deleted_run.run_id


def test_run_of_another_experiment_of_the_store_is_not_ours(
    tracker: Tracker, open_trial: Open, client: MlflowClient
) -> None:
    """Runs are read and reported from our experiment only."""
    foreign_run = client.create_run(client.create_experiment("foreign"))

    assert tracker.has_run(open_trial().run_id)
    assert not tracker.has_run(foreign_run.info.run_id)


def test_tags_of_missing_runs_are_skipped(
    tracker: Tracker, open_trial: Open, client: MlflowClient
) -> None:
    deleted_run = open_trial()
    client.delete_run(deleted_run.run_id)

    for run_id in (deleted_run.run_id, "0" * 32):
        tracker.tag(run_id, "cell", "a")
        tracker.untag(run_id, "cell")

    assert "cell" not in client.get_run(deleted_run.run_id).data.tags


def test_tag_that_a_run_lacks_cannot_be_removed(tracker: Tracker, open_trial: Open) -> None:
    with pytest.raises(MlflowException, match="No tag with name: a"):
        tracker.untag(open_trial().run_id, "a")


def test_curves_are_written_at_each_evaluation(open_trial: Open, client: MlflowClient) -> None:
    run = open_trial()

    run.log([("train/loss", 1, 0.7), ("train/loss", 2, 0.5), ("val/miou", 2, 0.3)])

    loss = client.get_metric_history(run.run_id, "train/loss")
    assert [(point.step, point.value) for point in loss] == [(1, 0.7), (2, 0.5)]
    assert client.get_run(run.run_id).data.metrics["val/miou"] == 0.3


def test_repeated_steps_are_written_once(open_trial: Open, client: MlflowClient) -> None:
    first = open_trial()
    first.log([("train/loss", 1, 0.7), ("train/loss", 2, 0.5), ("val/miou", 2, 0.3)])

    reopened_run = open_trial(first.run_id)
    reopened_run.log([("train/loss", 2, 0.5), ("train/loss", 3, 0.4), ("val/miou", 2, 0.3)])

    history = client.get_metric_history(first.run_id, "train/loss")
    assert sorted(point.step for point in history) == [1, 2, 3]
    assert len(client.get_metric_history(first.run_id, "val/miou")) == 1


@pytest.mark.slow
def test_finished_run_has_settings_scores_and_artifacts(
    open_trial: Open, client: MlflowClient, directory: Path
) -> None:
    run = open_trial(seed=0, **{"experiment/study": "a"})

    run.finish(RESULT, directory)

    content = client.get_run(run.run_id)
    assert content.info.status == "FINISHED"
    assert content.data.params["head"] == "fcn"
    inputs = {each.dataset.name: each.dataset.digest for each in content.inputs.dataset_inputs}
    assert inputs == {"synthetic test": "f" * 36}
    assert content.data.metrics["miou"] == 0.5
    assert content.data.metrics["iou/Sky"] == 0.9
    assert "iou/Car" not in content.data.metrics
    assert content.data.tags["device"] == "a CPU"
    assert content.data.tags["git_dirty"] == "False"
    assert content.data.tags["experiment/study"] == "a"
    artifacts = {file.path for file in client.list_artifacts(run.run_id)}
    assert artifacts == {
        "config.json", "curves.csv", "data.json", "environment.json", "frames.npz", "pictures",
        "result.json",
        "samples.npz", "weights.safetensors",
    }  # fmt: skip


@pytest.mark.slow
def test_scores_are_logged_once_if_an_attempt_repeats_the_end(
    open_trial: Open, client: MlflowClient, directory: Path
) -> None:
    """A worker may die between MLflow and the ledger; then the next attempt finishes again."""
    run = open_trial()
    run.finish(RESULT, directory)

    open_trial(run.run_id).finish(RESULT, directory)

    for name in ("miou", "iou/Sky", "train_seconds"):
        assert len(client.get_metric_history(run.run_id, name)) == 1


def test_logged_values_are_read_back_by_run_id(
    tracker: Tracker, open_trial: Open, directory: Path
) -> None:
    run = open_trial()
    run.finish(RESULT, directory)

    content = tracker.read_runs([run.run_id, "unknown"])

    assert list(content) == [run.run_id]
    assert content[run.run_id].metrics["miou"] == 0.5
    assert content[run.run_id].metrics["iou/Sky"] == 0.9
    assert content[run.run_id].tags["device"] == "a CPU"


@pytest.mark.slow
def test_many_runs_are_read_in_parts(tracker: Tracker) -> None:
    ids = [tracker.open_trial("a", f"{n:012x}", None, {}).run_id for n in range(120)]

    assert set(tracker.read_runs(ids)) == set(ids)


def test_deleted_run_is_left_out(tracker: Tracker, open_trial: Open, client: MlflowClient) -> None:
    run = open_trial()
    client.delete_run(run.run_id)

    assert tracker.read_runs([run.run_id]) == {}


def test_latency_is_stored_in_the_parent_run(tracker: Tracker) -> None:
    parent = tracker.open_experiment_run(experiment())
    form = FormLatency(median_ms=7.0, p95_ms=8.0, rounds_ms=[7.0], baseline_rounds_ms=[])
    cell = CellLatency(
        trial_id="t", precision="fp32", parameters=1, gflops=0.1, peak_memory_mib=2.0, clip=form
    )
    latency = LatencyMeasurement(conditions={"device": "a CPU"}, cells={"a": cell})

    tracker.log_latency(parent, latency)

    assert tracker.read_latency(parent) == latency


def test_latency_that_was_never_measured_is_empty(tracker: Tracker) -> None:
    parent = tracker.open_experiment_run(experiment())

    assert tracker.read_latency(None) == LatencyMeasurement()
    assert tracker.read_latency(parent) == LatencyMeasurement()


@pytest.mark.slow
def test_parent_run_has_the_spec_and_is_reopened(tracker: Tracker, client: MlflowClient) -> None:
    parent = tracker.open_experiment_run(experiment())

    assert tracker.open_experiment_run(experiment(parent)) == parent
    assert client.get_run(parent).data.tags["mlflow.note.content"] == "why"
    assert [file.path for file in client.list_artifacts(parent)] == ["spec.yaml"]


@pytest.mark.slow
def test_files_of_a_run_are_read_back(tracker: Tracker, open_trial: Open, directory: Path) -> None:
    run = open_trial()
    run.finish(RESULT, directory)
    content = tracker.read_runs([run.run_id])[run.run_id]

    assert (
        tracker.read_file(run.run_id, content, "config.json")
        == (directory / "config.json").read_bytes()
    )
    assert tracker.read_file(run.run_id, content, "never.txt") is None


@pytest.mark.slow
def test_characters_that_mlflow_refuses_are_replaced_in_metric_names(
    open_trial: Open, client: MlflowClient, directory: Path
) -> None:
    run = open_trial()
    result = dataclasses.replace(RESULT, iou={"Bike & rider (50%)": 0.5})

    run.finish(result, directory)

    assert client.get_run(run.run_id).data.metrics["iou/Bike _ rider _50__"] == 0.5


def test_view_of_an_experiment_shows_its_trials_only(
    tracker: Tracker, open_trial: Open, client: MlflowClient
) -> None:
    run = open_trial(**{"experiment/study-1.b": "a"})
    tracker.open_trial("other", "other", None, {})
    tracker.open_experiment_run(dataclasses.replace(experiment(), name="study-1.b"))

    tracker.share_view("study-1.b", ["head"])

    assert runs_page(tracker.experiment_id, "study-1.b").endswith("&viewStateShareKey=study-1.b")
    view = client.get_experiment(tracker.experiment_id).tags["mlflow.sharedViewState.study-1.b"]
    state = unpack(view)
    runs = client.search_runs([tracker.experiment_id], state["searchFilter"])
    assert [r.info.run_id for r in runs] == [run.run_id]
    assert state["selectedColumns"][:3] == [
        "metrics.`miou`", "metrics.`difference_points/study-1.b`", "params.`head`",
    ]  # fmt: skip
    assert len(view) < 5000  # the limit of older databases


def test_unchanged_view_is_not_written_again(tracker: Tracker, client: MlflowClient) -> None:
    views = []
    for varying in (["head"], ["head"], ["head", "dropout"]):
        tracker.share_view("study", varying)
        tags = client.get_experiment(tracker.experiment_id).tags
        views.append(tags["mlflow.sharedViewState.study"])

    assert views[0] == views[1] != views[2]


def test_experiment_is_one_of_model_training(tracker: Tracker, client: MlflowClient) -> None:
    tags = client.get_experiment(tracker.experiment_id).tags

    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_numbers_of_a_study_are_in_its_run_and_in_those_of_its_trials(
    tracker: Tracker, open_trial: Open, client: MlflowClient
) -> None:
    trial, study = open_trial(), tracker.open_experiment_run(experiment())
    numbers = StudyNumbers({"miou/a": 0.5}, {trial.run_id: {"latency_ms/study": 12.0}}, "why")

    tracker.log_study(study, numbers)
    tracker.log_study(study, numbers)

    assert client.get_run(study).data.metrics == {"miou/a": 0.5}
    assert client.get_run(study).data.tags["mlflow.note.content"] == "why"
    assert len(client.get_metric_history(trial.run_id, "latency_ms/study")) == 1


def test_experiment_deleted_in_the_ui_is_restored(
    tracker: Tracker, client: MlflowClient, settings: Settings
) -> None:
    client.delete_experiment(tracker.experiment_id)

    assert Tracker(tracker.uri, settings.artifacts).experiment_id == tracker.experiment_id
    assert client.get_experiment(tracker.experiment_id).lifecycle_stage == "active"


def test_unreachable_store_is_reported_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database, but long enough to look like one" * 9)

    with pytest.raises(TrackingUnreachableError) as error:
        Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)

    assert "cannot reach MLflow at sqlite:///" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_config_artifact_contains_the_settings(
    open_trial: Open, client: MlflowClient, directory: Path, tmp_path: Path
) -> None:
    run = open_trial()
    run.finish(RESULT, directory)

    path = client.download_artifacts(run.run_id, "config.json", str(tmp_path))

    assert json.loads(Path(path).read_text()) == CONFIG.settings()


@pytest.mark.slow
def test_server_that_never_answers_is_named_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own client would ask it four times for 30 s."""
    monkeypatch.setattr(store, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"

        with pytest.raises(TrackingUnreachableError, match=rf"at {address}: timed out; check"):
            Tracker(address, tmp_path)


def test_worker_without_the_login_of_a_server_is_told_where_it_belongs(tmp_path: Path) -> None:
    with (
        serve_pages({}, token="Basic of somebody else") as address,
        pytest.raises(TrackingUnreachableError, match="401.*; set MLFLOW_TRACKING_USERNAME and"),
    ):
        Tracker(address, tmp_path)


def test_port_of_another_protocol_is_named(tmp_path: Path) -> None:
    def greet(server: socket.socket) -> None:
        connections = [server.accept()[0] for _ in range(2)]  # the first only asks for the port
        connections[1].recv(1000)
        connections[1].sendall(b"SSH-2.0\r\n")
        for connection in connections:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=greet, args=[server])
        thread.start()

        with pytest.raises(TrackingUnreachableError, match="does not speak HTTP"):
            Tracker(address, tmp_path)
        thread.join()


@pytest.mark.slow
def test_files_of_a_database_without_a_server_are_in_the_home(
    postgres_server: str, tmp_path: Path
) -> None:
    """MLflow itself would write them into the current folder."""
    uri = f"{postgres_server}/postgres"
    tracker = Tracker(uri, tmp_path / "artifacts")

    run_id = tracker.open_experiment_run(experiment())

    artifact_uri = MlflowClient(tracking_uri=uri).get_run(run_id).info.artifact_uri
    assert artifact_uri.startswith((tmp_path / "artifacts").as_uri())


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("iou/road", "iou/road"),
        ("iou/J&F %", "iou/J_F _"),
        ("iou/..", "iou/_"),
        ("../../a", "_/_/a"),
        ("/a//b/", "_/a/_/b/_"),
    ],
)
def test_any_class_makes_a_name_that_mlflow_takes(name: str, metric: str) -> None:
    _validate_metric_name(make_metric_name(name))

    assert make_metric_name(name) == metric


@pytest.mark.parametrize(
    "uri",
    ["http://user:geheim@127.0.0.1:port", "http://[::1", "http://h:99999"],
)
def test_address_that_is_none_is_named_without_its_password(uri: str) -> None:
    with pytest.raises(TrackingUnreachableError, match="is not an address: .*write for") as refusal:
        store.check_reachable(uri)

    assert "geheim" not in str(refusal.value)
