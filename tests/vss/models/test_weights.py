"""Weight files that fit, do not fit, or are malicious."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from vss.errors import UserError
from vss.models import backbones
from vss.models.weights import load_weights


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_are_loaded_without_the_classifier(suffix: str, tmp_path: Path) -> None:
    state = torchvision.models.get_model("resnet18").state_dict()
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    net = backbones.resnet18(64, 8)

    load_weights(net, "resnet18", "sha256:" + "0" * 64, path)

    assert torch.equal(net.conv1.weight, state["conv1.weight"])


@pytest.mark.slow
def test_weights_of_the_wrong_shape_are_named_with_both_shapes(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(backbones.resnet18(32, 8).state_dict(), path)

    with pytest.raises(
        UserError, match=r"has shape \(32,\), but the network expects \(64,\) and \d+ more"
    ):
        load_weights(backbones.resnet18(64, 8), "resnet18", "sha256:", path)


def test_missing_and_unknown_weights_are_named(tmp_path: Path) -> None:
    state = backbones.resnet18(8, 8).state_dict()
    state["other.weight"] = state.pop("conv1.weight")
    path = tmp_path / "w.safetensors"
    save_file(state, path)

    with pytest.raises(
        UserError, match="conv1.weight is missing; other.weight is not in the network"
    ):
        load_weights(backbones.resnet18(8, 8), "resnet18", "sha256:", path)


class Trap:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


def test_weights_file_that_would_execute_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.pth"
    torch.save({"conv1.weight": Trap()}, path)

    with pytest.raises(UserError, match="as weights: it is not a Py"):
        load_weights(backbones.resnet18(8, 8), "resnet18", "sha256:", path)

    assert "executed" not in capsys.readouterr().out


def test_text_file_is_said_to_be_no_weights(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")

    with pytest.raises(UserError, match="as weights: it is neither safetensors nor a PyTorch"):
        load_weights(backbones.resnet18(8, 8), "resnet18", "sha256:", tmp_path / "passwd")
