"""A finished trial, read back."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import save_weights, tiny
from vss.errors import UserError
from vss.inference.trained_network import TrainedNetwork, load_trained_network, read_trained_network
from vss.models.segmenter import build_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the two files needed; the weights include the auxiliary head."""
    config = tiny(head="tma", memory_length=1)
    torch.manual_seed(0)
    save_weights(build_model(config).state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config.settings()))
    return tmp_path


def test_network_is_restored_in_eval_mode(folder: Path) -> None:
    trained = read_trained_network(folder)

    model = load_trained_network(trained)

    assert trained.config == tiny(head="tma", memory_length=1)
    assert not model.training
    saved = load_file(folder / "weights.safetensors")
    loaded = model.state_dict()
    assert loaded
    assert all(torch.equal(saved[name], tensor) for name, tensor in loaded.items())
    assert {name.split(".")[0] for name in saved.keys() - loaded.keys()} == {"auxiliary"}


def test_weights_without_an_auxiliary_head_are_complete(folder: Path) -> None:
    file = folder / "weights.safetensors"
    save_file({k: v for k, v in load_file(file).items() if not k.startswith("auxiliary")}, file)

    assert load_trained_network(read_trained_network(folder)).auxiliary is None


def test_initial_weights_of_the_trial_are_not_read(folder: Path) -> None:
    config = tiny(head="tma", memory_length=1, weights=f"sha256:{'0' * 64}")

    model = load_trained_network(TrainedNetwork(config, folder / "weights.safetensors"))

    assert model.memory_length == 1


def test_weights_of_a_different_network_are_refused_naming_tensors(folder: Path) -> None:
    other = TrainedNetwork(tiny(head="fcn"), folder / "weights.safetensors")

    with pytest.raises(
        UserError, match=r"do not fit the network: head.conv.0.weight is missing; .* and \d+ more"
    ):
        load_trained_network(other)


def test_folder_that_is_not_a_trial_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a trial directory: it has no config.json"):
        read_trained_network(tmp_path)


def test_unfinished_trial_is_refused(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()

    with pytest.raises(UserError, match="has not finished: it has no weights.safetensors yet"):
        read_trained_network(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"head": "tma"}'])
def test_damaged_settings_are_named(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)

    with pytest.raises(UserError, match=r"cannot read .*config.json as settings"):
        read_trained_network(folder)
