"""The lookup of trained networks by every kind of name."""

import shutil
from pathlib import Path

import pytest

from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.networks.lookup import find_cell, find_network, find_networks
from orchestrator.settings import Settings
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC, TRAINED, SpecWriter
from vss.errors import UserError
from vss.training.loop import TrialResult


@pytest.fixture
def trial_folder(settings: Settings, trained_storage: Path) -> Path:
    """Copy TRAINED into the test's own storage and return its directory."""
    folder = settings.storage.folder / TRAINED.trial_id
    shutil.copytree(trained_storage / TRAINED.trial_id, folder)
    return folder


@pytest.fixture
def run_id(tracker: Tracker, trained_storage: Path) -> str:
    """Return a finished run of TRAINED with artifacts but without a trial directory."""
    folder = trained_storage / TRAINED.trial_id
    run = tracker.open_trial("a", TRAINED.trial_id, None, {})
    result = TrialResult("test", 1, 4, {}, {}, None, None, None, 1, 1.0, "")
    run.finish(result, folder)
    return run.run_id


@pytest.mark.parametrize("digits", [12, 4])
def test_trial_is_found_by_its_id_or_a_prefix_of_it(
    digits: int, trial_folder: Path, settings: Settings
) -> None:
    network = find_network(TRAINED.trial_id[:digits], None, settings)

    assert network.name == TRAINED.trial_id
    assert network.trained.config == TRAINED
    assert network.trained.weights == trial_folder / "weights.safetensors"


def test_prefix_that_matches_two_trials_is_refused_with_both(
    trial_folder: Path, settings: Settings
) -> None:
    similar_id = TRAINED.trial_id[:4] + "00000000"
    shutil.copytree(trial_folder, settings.storage.folder / similar_id)

    with pytest.raises(UserError, match=rf"matches 2 trials .*{TRAINED.trial_id}"):
        find_network(TRAINED.trial_id[:4], None, settings)


def test_trial_is_found_by_the_path_of_its_directory(
    trained_storage: Path, settings: Settings
) -> None:
    network = find_network(str(trained_storage / TRAINED.trial_id), None, settings)

    assert (network.name, network.trained.config) == (TRAINED.trial_id, TRAINED)


@pytest.mark.slow
def test_run_is_found_in_mlflow_and_downloaded_once(
    run_id: str, settings: Settings, tracker: Tracker
) -> None:
    network = find_network(run_id, None, settings)

    assert network.name == TRAINED.trial_id
    assert network.trained.config == TRAINED
    assert network.trained.weights.is_relative_to(settings.cache)
    download_time = network.trained.weights.stat().st_mtime_ns
    assert find_network(run_id, None, settings).trained.weights.stat().st_mtime_ns == download_time
    files = {path.name for path in network.trained.weights.parent.iterdir()}
    assert files == {"config.json", "weights.safetensors"}


@pytest.mark.slow
def test_trial_trained_elsewhere_is_found_by_its_run(run_id: str, settings: Settings) -> None:
    assert find_network(TRAINED.trial_id, None, settings).trained.config == TRAINED


@pytest.mark.parametrize("target", ["0123456789ab", "nothing", "*", "../x"])
def test_missing_trial_is_refused(target: str, tracker: Tracker, settings: Settings) -> None:
    with pytest.raises(UserError, match="no trial '.*' in .*: write a trial_id"):
        find_network(target, None, settings)


def test_missing_run_is_refused(tracker: Tracker, settings: Settings) -> None:
    with pytest.raises(UserError, match="MLflow at sqlite:.* has no run '0{32}'"):
        find_network("0" * 32, None, settings)


def test_unfinished_run_is_refused(tracker: Tracker, settings: Settings) -> None:
    run = tracker.open_trial("a", TRAINED.trial_id, None, {})

    with pytest.raises(UserError, match=r"has no config.json: wait until its trial has finished"):
        find_network(run.run_id, None, settings)


def test_checkpoint_file_has_the_network_of_the_named_cell(
    trial_folder: Path, settings: Settings, write_spec: SpecWriter
) -> None:
    spec, file = write_spec(TINY_SPEC), trial_folder / "weights.safetensors"

    network = find_network(str(file), f"{spec}:memory", settings)

    assert (network.name, network.trained.weights) == ("weights", file)
    assert (network.trained.config.head, network.trained.config.memory_length) == ("tma", 1)


def test_cell_may_be_omitted_if_the_spec_has_only_one(write_spec: SpecWriter) -> None:
    spec = write_spec(TINY_SPEC.replace("  memory: {head: tma, memory_length: 1}\n", ""))

    assert find_cell(str(spec)).head == "fcn"


def test_like_without_a_spec_or_cell_is_refused(
    trial_folder: Path, settings: Settings, write_spec: SpecWriter
) -> None:
    spec, file = write_spec(TINY_SPEC), str(trial_folder / "weights.safetensors")
    mistakes = {
        "none.yaml:fcn": "does not begin with an existing spec file: write SPEC:CELL",
        str(spec): r"does not name a cell: write .*spec.yaml:CELL \(cells: image, memory\)",
        f"{spec}:imago": "unknown cell 'imago': did you mean 'image'",
    }

    for like, message in mistakes.items():
        with pytest.raises(UserError, match=message):
            find_network(file, like, settings)
    with pytest.raises(UserError, match="does not say which network it contains: add --like"):
        find_network(file, None, settings)
    with pytest.raises(UserError, match="--like is for a checkpoint file, but '.*' is not a file"):
        find_network(TRAINED.trial_id, f"{spec}:image", settings)


def test_like_applies_to_the_files_among_several_targets(
    trial_folder: Path, settings: Settings, write_spec: SpecWriter
) -> None:
    like, file = f"{write_spec(TINY_SPEC)}:memory", str(trial_folder / "weights.safetensors")

    networks = find_networks([TRAINED.trial_id, file], like, settings)

    assert [x.trained.config.memory_length for x in networks] == [2, 1]
    with pytest.raises(UserError, match="--like is for checkpoint files, but none of"):
        find_networks([TRAINED.trial_id], like, settings)


def record(settings: Settings, state: State | None, run_id: str | None = None) -> None:
    """Record TRAINED in the ledger as cell `big` of experiment `study`."""
    ledger = Ledger(settings.ledger_url)
    ledger.add(ExperimentEntry("study"), [Member(PlannedTrial("big", TRAINED), "f" * 64)])
    with ledger.driver() as driver:
        for claim in driver.claim([TRAINED.trial_id]) if state else ():
            driver.start(claim, 0, run_id)
            driver.end(claim, state, None, None)


@pytest.mark.parametrize("name", ["study:big", f"study:big:{TRAINED.seed}"])
def test_trial_is_found_by_its_experiment_and_cell(
    name: str, trial_folder: Path, settings: Settings
) -> None:
    record(settings, State.FINISHED)

    assert find_network(name, None, settings).name == TRAINED.trial_id
    assert [network.name for network in find_networks([name], None, settings)] == [TRAINED.trial_id]


@pytest.mark.slow
def test_named_trial_without_a_directory_is_found_by_its_run(
    run_id: str, settings: Settings
) -> None:
    record(settings, State.FINISHED, run_id)

    network = find_network("study:big", None, settings)

    assert network.trained.weights.is_relative_to(settings.cache)


def test_experiment_is_no_network(settings: Settings) -> None:
    record(settings, State.FINISHED)

    with pytest.raises(UserError, match="'study' is an experiment, not a trial: write study:CELL"):
        find_network("study", None, settings)


def test_named_trial_that_has_not_finished_is_refused(settings: Settings) -> None:
    record(settings, None)

    with pytest.raises(UserError, match="'study:big' has not finished: cell 'big', seed 0 is PEND"):
        find_network("study:big", None, settings)


def test_name_of_a_trial_without_a_ledger_is_refused(settings: Settings) -> None:
    with pytest.raises(UserError, match="nothing has been submitted in .*; check VSS_HOME"):
        find_network("study:big", None, settings)
    assert not settings.home.exists()
