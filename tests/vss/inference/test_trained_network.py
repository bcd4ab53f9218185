"""A finished trial, read back."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import save_weights, tiny
from vss.errors import UserError
from vss.inference.trained_network import TrainedModel, load, read_trial
from vss.models.segmenter import build_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The two files of a trial directory that matter, the auxiliary head among the weights."""
    config = tiny(head="tma", memory_length=1)
    torch.manual_seed(0)
    save_weights(build_model(config).state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config.settings()))
    return tmp_path


def test_network_comes_back_as_it_was_in_eval_mode(folder: Path) -> None:
    trained = read_trial(folder)

    model = load(trained)

    assert trained.config == tiny(head="tma", memory_length=1)
    assert not model.training
    saved = load_file(folder / "weights.safetensors")
    found = model.state_dict()
    assert found
    assert all(torch.equal(saved[name], tensor) for name, tensor in found.items())
    assert {name.split(".")[0] for name in saved.keys() - found.keys()} == {"auxiliary"}


def test_weights_without_an_auxiliary_head_are_whole(folder: Path) -> None:
    file = folder / "weights.safetensors"
    save_file({k: v for k, v in load_file(file).items() if not k.startswith("auxiliary")}, file)

    assert load(read_trial(folder)).auxiliary is None


def test_weights_that_the_training_began_with_are_not_read(folder: Path) -> None:
    began = tiny(head="tma", memory_length=1, weights=f"sha256:{'0' * 64}")

    assert load(TrainedModel(began, folder / "weights.safetensors")).memory_length == 1


def test_weights_of_another_network_are_refused_by_the_names_of_tensors(folder: Path) -> None:
    other = TrainedModel(tiny(head="fcn"), folder / "weights.safetensors")

    with pytest.raises(
        UserError, match=r"do not fit: head.conv.0.weight is missing; .* and \d+ more"
    ):
        load(other)


def test_folder_that_is_no_trial_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no trial directory: it has no config.json"):
        read_trial(tmp_path)


def test_trial_that_is_not_finished_is_refused(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()

    with pytest.raises(UserError, match="is not finished: it has no weights.safetensors yet"):
        read_trial(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"head": "tma"}'])
def test_damaged_settings_are_refused_by_name(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)

    with pytest.raises(UserError, match=r"config.json is not readable as settings"):
        read_trial(folder)
