"""The trial directory."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.conftest import tiny
from vss.trial_directory import StaleAttemptError, TrialDirectory

STATE = {"step": 3, "weights": {"a": torch.arange(5.0)}}


def state(step: int) -> dict[str, object]:
    return {**STATE, "step": step}


def flip_first_byte(path: Path, sequence: bytes) -> None:
    """Flip the bits of the first byte of a sequence in a file."""
    content = bytearray(path.read_bytes())
    content[content.index(sequence)] ^= 0xFF
    path.write_bytes(content)


@pytest.fixture
def directory(tmp_path: Path) -> TrialDirectory:
    return TrialDirectory(tmp_path, tiny())


def test_directory_is_named_after_the_trial_and_contains_its_settings(
    directory: TrialDirectory, tmp_path: Path
) -> None:
    assert directory.path == tmp_path / tiny().trial_id
    assert json.loads((directory.path / "config.json").read_text()) == tiny().settings()


def test_saved_state_is_loaded_unchanged(directory: TrialDirectory) -> None:
    directory.save(STATE)

    loaded = directory.load()

    assert loaded is not None
    assert loaded["step"] == 3
    assert torch.equal(loaded["weights"]["a"], torch.arange(5.0))


def test_directory_without_a_state_starts_from_scratch(directory: TrialDirectory) -> None:
    assert directory.load() is None


def test_the_last_two_states_are_kept(directory: TrialDirectory) -> None:
    for step in range(4):
        directory.save(state(step))

    files = sorted(path.name for path in directory.path.glob("resume*"))
    assert files == ["resume.previous.pt", "resume.pt"]


@pytest.mark.parametrize("damage", ["truncated", "flipped bits", "empty", "missing"])
def test_damaged_state_falls_back_to_the_previous_one_with_a_warning(
    directory: TrialDirectory, damage: str
) -> None:
    directory.save(state(1))
    directory.save(state(2))
    newest = directory.path / "resume.pt"
    match damage:
        case "truncated":
            newest.write_bytes(newest.read_bytes()[:-200])
        case "flipped bits":  # inside the tensor's data, where only a checksum reveals them
            flip_first_byte(newest, np.arange(5, dtype=np.float32).tobytes())
        case "empty":
            newest.write_bytes(b"")
        case "missing":  # after a kill between the two renames
            newest.unlink()
            assert directory.load()["step"] == 1  # type: ignore[index]
            return

    with pytest.warns(UserWarning, match="resume.pt of trial .* is damaged"):
        loaded = directory.load()

    assert loaded is not None
    assert loaded["step"] == 1
    assert "is damaged" in (directory.path / "log-1.txt").read_text()


def test_directory_without_a_readable_state_starts_from_scratch_with_a_warning(
    directory: TrialDirectory,
) -> None:
    directory.save(state(1))
    (directory.path / "resume.pt").write_bytes(b"broken")

    with pytest.warns(UserWarning, match="damaged"):
        assert directory.load() is None


class Trap:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


def test_state_that_would_execute_code_is_not_loaded(
    directory: TrialDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"step": Trap()}, directory.path / "resume.pt")

    with pytest.warns(UserWarning, match="damaged"):
        assert directory.load() is None

    assert "executed" not in capsys.readouterr().out


def test_older_attempt_may_no_longer_write(tmp_path: Path) -> None:
    old = TrialDirectory(tmp_path, tiny(), attempt=1)
    new = TrialDirectory(tmp_path, tiny(), attempt=2)
    new.save(state(7))

    for write in (
        lambda: old.save(state(5)),
        lambda: old.write_json("result.json", {}),
        lambda: old.write_weights({}),
        lambda: old.write_arrays("frames.npz", {}),
        lambda: old.finish({}),
    ):
        with pytest.raises(
            StaleAttemptError, match="belongs to attempt 2: attempt 1 may no longer"
        ):
            write()

    assert new.load()["step"] == 7  # type: ignore[index]
    assert new.result() is None


def test_older_attempt_cannot_take_over(tmp_path: Path) -> None:
    TrialDirectory(tmp_path, tiny(), attempt=2)

    with pytest.raises(StaleAttemptError):
        TrialDirectory(tmp_path, tiny(), attempt=1)


def test_attempts_are_counted_by_default(tmp_path: Path) -> None:
    attempts = [TrialDirectory(tmp_path, tiny()).attempt for _ in range(3)]

    assert attempts == [1, 2, 3]


def test_result_removes_the_state_of_an_unfinished_trial(directory: TrialDirectory) -> None:
    directory.save(state(1))
    directory.save(state(2))

    directory.finish({"miou": 0.5})

    assert directory.result() == {"miou": 0.5}
    assert not list(directory.path.glob("resume*"))


def test_failed_write_leaves_the_old_file(directory: TrialDirectory) -> None:
    directory.write_json("result.json", {"old": 1})

    with pytest.raises(TypeError):
        directory.write_json("result.json", {"new": object()})

    assert directory.result() == {"old": 1}


def test_weights_arrays_and_pictures_are_written(directory: TrialDirectory) -> None:
    directory.write_weights({"a": torch.ones(2).expand(3, 2)})
    directory.write_arrays("frames.npz", {"frame": np.array(["x"])})
    directory.write_picture(Image.new("RGB", (2, 2)), "seq/000001")

    assert load_file(directory.path / "weights.safetensors")["a"].shape == (3, 2)
    assert np.load(directory.path / "frames.npz")["frame"].tolist() == ["x"]
    assert (directory.path / "pictures" / "seq-000001.png").exists()
