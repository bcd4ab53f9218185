"""Trial directories that are damaged or hostile: each is read, or skipped with one line."""

import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ledger.entries import ExperimentEntry
from orchestrator.offline.finished_trial import DamagedTrialError, Placement, read_finished_trial
from orchestrator.offline.inventory import MOST_FILES, check_inventory
from orchestrator.storage import Storage
from tests.conftest import TRAINED
from tests.examples import assert_loads_or_ends_in_one_line, assert_one_short_line, examples
from tests.hostile import damaged, mutants
from vss.errors import UserError

JSON_FILES = ("config.json", "environment.json", "data.json", "result.json")
FILES = (
    *JSON_FILES, "curves.csv", "frames.npz", "samples.npz", "weights.safetensors", "attempt",
)  # fmt: skip
PLACEMENTS = {TRAINED.trial_id: Placement(ExperimentEntry("study", "name: study"), "tma", 0)}


@pytest.fixture(scope="module")
def directory(trained_storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a finished trial's directory."""
    folder = tmp_path_factory.mktemp("hostile") / TRAINED.trial_id
    shutil.copytree(trained_storage / TRAINED.trial_id, folder)
    return folder


@contextmanager
def replaced(file: Path, content: bytes) -> Iterator[None]:
    """Give a file another content for a while."""
    original = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(original)


def test_undamaged_directory_is_read(directory: Path) -> None:
    assert read_finished_trial(directory, PLACEMENTS).trial.config == TRAINED


@pytest.mark.slow
@examples()
@given(name=st.sampled_from(FILES), data=st.data())
def test_damaged_file_ends_in_one_line(directory: Path, name: str, data: st.DataObject) -> None:
    content = data.draw(damaged((directory / name).read_bytes()))

    with replaced(directory / name, content):
        assert_loads_or_ends_in_one_line(lambda: read_finished_trial(directory, PLACEMENTS))


@pytest.mark.slow
@examples()
@given(name=st.sampled_from(JSON_FILES), data=st.data())
def test_odd_values_end_in_one_line(directory: Path, name: str, data: st.DataObject) -> None:
    content = data.draw(mutants([json.loads((directory / name).read_text())]))

    with replaced(directory / name, json.dumps(content).encode()):
        assert_loads_or_ends_in_one_line(lambda: read_finished_trial(directory, PLACEMENTS))


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("pictures/x.png", lambda path: path.symlink_to("/etc/passwd"), "pictures/x.png is a link"),
        ("extra", lambda path: path.symlink_to("/"), "extra is a link: only files and folders"),
        ("extra", os.mkfifo, "extra is a pipe or device"),
        ("curves.csv", lambda path: os.truncate(path, 2**40), "curves.csv is larger than 64 MiB"),
        ("pictures/x.png", lambda path: _make_sparse(path, 2**40), "larger than 4 GiB, the limit"),
    ],
)
def test_anything_but_small_files_is_refused(
    directory: Path, tmp_path: Path, name: str, make: Any, reason: str
) -> None:
    folder = tmp_path / directory.name
    shutil.copytree(directory, folder)
    make(folder / name)

    with pytest.raises(DamagedTrialError, match=reason) as error:
        read_finished_trial(folder, PLACEMENTS)

    assert_one_short_line(str(error.value))


def test_directory_that_is_a_link_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / directory.name).symlink_to(directory)

    with pytest.raises(DamagedTrialError, match="it is a link: name the folder that it leads to"):
        read_finished_trial(tmp_path / directory.name, PLACEMENTS)


def test_number_of_files_is_limited(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / str(number)).touch()

    with pytest.raises(Exception, match="more than 2000 files: is it a trial directory"):
        check_inventory(tmp_path)


class Trap:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


@pytest.mark.parametrize("name", ["frames.npz", "samples.npz"])
def test_arrays_that_would_execute_code_are_not_loaded(
    directory: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "trap.npz", frame=np.array([Trap()], dtype=object))

    trap = replaced(directory / name, (tmp_path / "trap.npz").read_bytes())
    with trap, pytest.raises(DamagedTrialError, match=f"{name}: 'frame' is no array"):
        read_finished_trial(directory, PLACEMENTS)

    assert "executed" not in capsys.readouterr().out


def _make_sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("result.json", {"train_seconds": -1.0}),
        ("result.json", {"peak_memory_mib": math.inf}),
        ("result.json", {"metrics": {"miou": 1e308}}),
        ("result.json", {"iou": {"road": -math.inf}}),
        ("result.json", {"scored_split": "train"}),
        ("data.json", {"labelled_frames": [1]}),
        ("data.json", {"labelled_frames": {"train": "many"}}),
    ],
)
def test_numbers_that_no_trial_writes_are_refused(
    directory: Path, name: str, change: dict[str, Any]
) -> None:
    content = {**json.loads((directory / name).read_text()), **change}

    damage = replaced(directory / name, json.dumps(content).encode())
    with damage, pytest.raises(DamagedTrialError, match=name):
        read_finished_trial(directory, PLACEMENTS)


def test_link_that_appears_after_the_check_is_not_copied(directory: Path, tmp_path: Path) -> None:
    hostile = shutil.copytree(directory, tmp_path / TRAINED.trial_id)
    (hostile / "pictures" / "x.png").symlink_to("/etc/passwd")
    storage = Storage(str(tmp_path / "storage"))

    with pytest.raises(UserError, match="has become a folder with links, such as x.png"):
        storage.add_result(hostile, TRAINED.trial_id, attempt=1)

    assert list((tmp_path / "storage").iterdir()) == []
