"""The data of an experiment, as its driver sees it."""

from pathlib import Path

import pytest

from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.nodes.experiment_data import ExperimentData, store_files
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.storage import Storage
from tests.conftest import TINY_SPEC, SpecWriter
from vss.data.dataset import load_dataset
from vss.errors import UserError
from vss.trial_config import TrialConfig


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    text = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")
    return load_spec(write_spec(text))


def nothing_started() -> dict[str, str]:
    return {}


def test_driver_without_data_asks_one_worker_once(
    experiment: Experiment, settings: Settings
) -> None:
    asked: list[DataSource] = []

    def read(config: TrialConfig, source: DataSource) -> str:
        asked.append(source)
        return "f" * 64

    data = ExperimentData(experiment, {}, settings, on_cluster=True)
    data.find_elsewhere(nothing_started, read)

    assert {data.fingerprint(trial.config) for trial in experiment.trials} == {"f" * 64}
    assert asked == [DataSource("camvid")]


def test_fingerprint_of_started_trials_needs_no_worker(
    experiment: Experiment, settings: Settings
) -> None:
    def read(config: TrialConfig, source: DataSource) -> str:
        raise AssertionError("asked a worker")

    data = ExperimentData(experiment, {}, settings, on_cluster=True)
    data.find_elsewhere(lambda: {experiment.trials[0].trial_id: "e" * 64}, read)

    assert {data.fingerprint(trial.config) for trial in experiment.trials} == {"e" * 64}


def test_driver_that_has_the_data_asks_nobody(
    experiment: Experiment, settings: Settings, camvid: Path
) -> None:
    config = experiment.trials[0].config

    def read(config: TrialConfig, source: DataSource) -> str:
        raise AssertionError("asked a worker")

    data = ExperimentData(experiment, {"camvid": camvid}, settings, on_cluster=True)
    data.find_elsewhere(nothing_started, read)

    assert data.fingerprint(config) == load_dataset(config, camvid).fingerprint
    assert data.source(config).option == camvid


def test_missing_data_is_refused_where_trials_run_on_this_machine(
    experiment: Experiment, settings: Settings
) -> None:
    with pytest.raises(UserError, match="'camvid' needs a folder"):
        ExperimentData(experiment, {}, settings)


def test_dataset_that_takes_no_path_is_refused_on_a_cluster_too(
    write_spec: SpecWriter, settings: Settings, tmp_path: Path
) -> None:
    synthetic = load_spec(write_spec(TINY_SPEC))

    with pytest.raises(UserError, match="takes no path"):
        ExperimentData(synthetic, {"synthetic": tmp_path}, settings, on_cluster=True)


def test_trial_that_joins_is_left_to_the_workers_check_where_the_data_is_missing(
    experiment: Experiment, settings: Settings
) -> None:
    data = ExperimentData(experiment, {}, settings, on_cluster=True)

    assert data.has_all(experiment.trials[0].config, "a" * 64)
    data.find_elsewhere(nothing_started, lambda config, source: "b" * 64)
    assert not data.has_all(experiment.trials[0].config, "a" * 64)


def test_initial_weights_are_stored_for_the_machines_of_a_cluster(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    (tmp_path / "start.safetensors").write_bytes(b"PK\x03\x04")
    text = TINY_SPEC.replace("{head: fcn}", "{head: fcn, weights: start.safetensors}")
    experiment, storage = load_spec(write_spec(text)), Storage(str(tmp_path / "storage"))

    store_files(experiment, storage)

    digest = experiment.cells["image"].weights
    assert storage.find_file(digest, tmp_path / "unused").read_bytes() == b"PK\x03\x04"
