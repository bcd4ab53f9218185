"""Published checkpoints, converted to our names."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.conftest import tiny
from vss.errors import UserError
from vss.models import backbones
from vss.models.published_checkpoints import HEAD_NAMES, convert_file, convert_state
from vss.models.segmenter import VideoSegmenter, build_model
from vss.models.weights import load_weights, read_state

TMA = tiny(head="tma", memory_length=2, backbone="resnet18_v1c")


def as_published(model: VideoSegmenter, head: str) -> dict[str, Tensor]:
    """Return the state of one of our networks under the names of the published code."""
    head_names = {ours: theirs for theirs, ours in HEAD_NAMES[head].items()}
    auxiliary_names = {ours: theirs for theirs, ours in HEAD_NAMES["fcn"].items()}
    published = {}
    for name, tensor in model.state_dict().items():
        part, _, rest = name.partition(".")
        if part == "backbone":
            published[name] = tensor
            continue
        table, their_part = (
            (head_names, "decode_head") if part == "head" else (auxiliary_names, "auxiliary_head")
        )
        prefix = max((p for p in table if rest == p or rest.startswith(f"{p}.")), key=len)
        ending = rest.removeprefix(prefix)
        if "conv_seg" not in table[prefix]:
            ending = ending.replace(".0.", ".conv.").replace(".1.", ".bn.")
        published[f"{their_part}.{table[prefix]}{ending}"] = tensor
    return published


def test_tmanet_checkpoint_becomes_a_whole_network(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = build_model(TMA)
    file = tmp_path / "tmanet.pth"
    torch.save({"state_dict": as_published(model, "tma"), "meta": {"epoch": 1}}, file)

    out, count = convert_file(file, "tmanet", head=None)

    fresh = build_model(TMA)
    state = read_state(out)
    assert count == len(state) == len(model.state_dict())
    fresh.load_state_dict(state)
    clip = torch.randn(1, 3, 3, 32, 48)
    assert torch.equal(fresh.eval()(clip)[0], model.eval()(clip)[0])


@pytest.mark.parametrize("head", ["fcn", "psp", "ann"])
def test_mmseg_checkpoint_becomes_a_whole_network(head: str) -> None:
    model = build_model(tiny(head=head))

    assert (
        convert_state(as_published(model, head), "mmseg", head).keys() == model.state_dict().keys()
    )


@pytest.mark.slow
def test_backbone_of_a_converted_network_initialises_a_trial(tmp_path: Path) -> None:
    model = build_model(TMA)
    torch.save(as_published(model, "tma"), tmp_path / "t.pth")
    out, _ = convert_file(tmp_path / "t.pth", "tmanet", None, tmp_path / "ours.safetensors")
    net = backbones.resnet18_v1c(8, 8)

    load_weights(net, "resnet18_v1c", "sha256:", out)

    assert torch.equal(net.stem[0].weight, model.backbone.stem[0].weight)  # type: ignore[union-attr,index]


def test_torchvision_classifier_becomes_a_backbone() -> None:
    state = {"conv1.weight": torch.zeros(1), "fc.weight": torch.zeros(1)}

    assert list(convert_state(state, "torchvision", None)) == ["backbone.conv1.weight"]


@pytest.mark.parametrize(
    ("source", "head", "message"),
    [
        ("tmanett", None, "unknown source 'tmanett': did you mean 'tmanet'"),
        ("mmseg", "tam", "unknown --head 'tam': did you mean 'tma'"),
        ("mmseg", None, "--from mmseg needs --head, the decode head of the checkpoint .*fcn"),
        (
            "mmseg",
            "psp",
            "not a checkpoint from mmseg with head 'psp': it has decode_head.mem",
        ),
    ],
)
def test_wrong_source_or_head_is_named(
    source: str, head: str | None, message: str, tmp_path: Path
) -> None:
    torch.save(as_published(build_model(TMA), "tma"), tmp_path / "t.pth")

    with pytest.raises(UserError, match=message):
        convert_file(tmp_path / "t.pth", source, head)


def test_checkpoint_is_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is the checkpoint itself: choose a different --out"):
        convert_file(tmp_path / "a.safetensors", "mmseg", "psp")


def test_output_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    torch.save(as_published(build_model(TMA), "tma"), tmp_path / "t.pth")
    (tmp_path / "out").mkdir()

    with pytest.raises(UserError, match="out: it is a folder; name a file"):
        convert_file(tmp_path / "t.pth", "tmanet", None, tmp_path / "out")
