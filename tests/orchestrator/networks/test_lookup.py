"""Trained networks, found by what a user knows of them."""

import shutil
from pathlib import Path

import pytest

from orchestrator.networks.lookup import cell_of, find, find_all
from orchestrator.settings import Settings
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC, TRAINED, SpecWriter
from vss.errors import UserError
from vss.training.loop import TrialResult


@pytest.fixture
def here(settings: Settings, trained_storage: Path) -> Path:
    """The directory of TRAINED in the test's own storage."""
    folder = settings.storage / TRAINED.trial_id
    shutil.copytree(trained_storage / TRAINED.trial_id, folder)
    return folder


@pytest.fixture
def run_id(tracker: Tracker, trained_storage: Path) -> str:
    """A finished run of TRAINED; its artifacts are seen, its directory is not."""
    folder = trained_storage / TRAINED.trial_id
    run = tracker.open_trial("a", TRAINED.trial_id, None, {})
    result = TrialResult("test", 1, 4, {}, {}, None, None, None, 1, 1.0, "")
    run.finish(result, folder)
    return run.run_id


@pytest.mark.parametrize("digits", [12, 4])
def test_trial_is_found_by_its_id_or_the_beginning_of_it(
    digits: int, here: Path, settings: Settings
) -> None:
    found = find(TRAINED.trial_id[:digits], None, settings)

    assert found.name == TRAINED.trial_id
    assert found.trained.config == TRAINED
    assert found.trained.weights == here / "weights.safetensors"


def test_beginning_of_two_trials_is_refused_with_both(here: Path, settings: Settings) -> None:
    other = TRAINED.trial_id[:4] + "00000000"
    shutil.copytree(here, settings.storage / other)

    with pytest.raises(UserError, match=rf"may be any of the trials .*{TRAINED.trial_id}"):
        find(TRAINED.trial_id[:4], None, settings)


def test_trial_is_found_by_the_path_of_its_directory(
    trained_storage: Path, settings: Settings
) -> None:
    found = find(str(trained_storage / TRAINED.trial_id), None, settings)

    assert (found.name, found.trained.config) == (TRAINED.trial_id, TRAINED)


def test_run_is_found_in_mlflow_and_brought_here_once(
    run_id: str, settings: Settings, tracker: Tracker
) -> None:
    found = find(run_id, None, settings)

    assert found.name == TRAINED.trial_id
    assert found.trained.config == TRAINED
    assert found.trained.weights.is_relative_to(settings.cache)
    before = found.trained.weights.stat().st_mtime_ns
    assert find(run_id, None, settings).trained.weights.stat().st_mtime_ns == before
    files = {path.name for path in found.trained.weights.parent.iterdir()}
    assert files == {"config.json", "weights.safetensors"}


def test_trial_that_was_trained_elsewhere_is_found_by_its_run(
    run_id: str, settings: Settings
) -> None:
    assert find(TRAINED.trial_id, None, settings).trained.config == TRAINED


@pytest.mark.parametrize("target", ["0123456789ab", "nothing", "*", "../x"])
def test_trial_that_is_not_there_is_refused(
    target: str, tracker: Tracker, settings: Settings
) -> None:
    with pytest.raises(UserError, match="no trial '.*' in .*; give a trial_id"):
        find(target, None, settings)


def test_run_that_is_not_there_is_refused(tracker: Tracker, settings: Settings) -> None:
    with pytest.raises(UserError, match="MLflow at sqlite:.* has no run '0{32}'"):
        find("0" * 32, None, settings)


def test_run_that_is_not_finished_is_refused(tracker: Tracker, settings: Settings) -> None:
    run = tracker.open_trial("a", TRAINED.trial_id, None, {})

    with pytest.raises(UserError, match=r"has no config.json: is its trial finished\?"):
        find(run.run_id, None, settings)


def test_file_is_of_the_cell_that_is_named(
    here: Path, settings: Settings, write_spec: SpecWriter
) -> None:
    spec, file = write_spec(TINY_SPEC), here / "weights.safetensors"

    found = find(str(file), f"{spec}:memory", settings)

    assert (found.name, found.trained.weights) == ("weights", file)
    assert (found.trained.config.head, found.trained.config.memory_length) == ("tma", 1)


def test_cell_may_be_left_out_if_there_is_only_one(write_spec: SpecWriter) -> None:
    spec = write_spec(TINY_SPEC.replace("  memory: {head: tma, memory_length: 1}\n", ""))

    assert cell_of(str(spec)).head == "fcn"


def test_what_like_does_not_name_is_refused(
    here: Path, settings: Settings, write_spec: SpecWriter
) -> None:
    spec, file = write_spec(TINY_SPEC), str(here / "weights.safetensors")
    wrong = {
        "none.yaml:fcn": "no such spec; write SPEC:CELL",
        str(spec): "name a cell, .*spec.yaml:CELL; cells: image, memory",
        f"{spec}:imago": "unknown cell 'imago'; did you mean 'image'",
    }

    for like, message in wrong.items():
        with pytest.raises(UserError, match=message):
            find(file, like, settings)
    with pytest.raises(UserError, match="holds weights alone: say by --like SPEC:CELL"):
        find(file, None, settings)
    with pytest.raises(UserError, match="--like is for a checkpoint file, and '.*' is none"):
        find(TRAINED.trial_id, f"{spec}:image", settings)


def test_like_is_of_the_files_among_several(
    here: Path, settings: Settings, write_spec: SpecWriter
) -> None:
    like, file = f"{write_spec(TINY_SPEC)}:memory", str(here / "weights.safetensors")

    found = find_all([TRAINED.trial_id, file], like, settings)

    assert [x.trained.config.memory_length for x in found] == [2, 1]
    with pytest.raises(UserError, match="--like is for checkpoint files, and there is none"):
        find_all([TRAINED.trial_id], like, settings)
