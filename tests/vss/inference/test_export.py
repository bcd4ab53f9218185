"""Exported programs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import TRAINED, save_weights, tiny
from vss import catalog
from vss.errors import UserError
from vss.inference import export
from vss.inference.export import ClipProgram, export_network, format_program
from vss.inference.trained_network import TrainedNetwork, load_trained_network, read_trained_network
from vss.models.segmenter import build_inference_model


@pytest.fixture
def trained(trained_storage: Path) -> TrainedNetwork:
    return read_trained_network(trained_storage / TRAINED.trial_id)


def clip(length: int = 3) -> Tensor:
    return torch.randn(1, length, 3, 32, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.slow
def test_program_gives_the_logits_of_the_network_at_frame_size(
    trained: TrainedNetwork, tmp_path: Path
) -> None:
    (program,) = export_network(trained, "abc", tmp_path / "net.pt2", with_onnx=False)

    logits = torch.export.load(tmp_path / "net.pt2").module()(clip())
    with torch.inference_mode():
        expected = load_trained_network(trained).predict(clip(), (32, 48))
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    assert logits.shape == (1, 8, 32, 48)
    assert program.file == tmp_path / "net.pt2"
    assert program.difference < 1e-5
    assert program.latency_ms > 0 < program.network_latency_ms
    assert "max logit difference" in format_program(program)


@pytest.mark.slow
def test_json_describes_how_to_use_the_program(trained: TrainedNetwork, tmp_path: Path) -> None:
    export_network(trained, "abc", tmp_path / "net.pt2", with_onnx=False)

    description = json.loads((tmp_path / "net.json").read_text())
    assert description["source"] == "abc"
    assert description["precision"] == "fp32"
    assert description["input"]["shape"] == [1, 3, 3, 32, 48]
    assert description["input"]["mean"] == [123.675, 116.28, 103.53]
    assert description["input"]["frame_stride"] == 2
    assert description["output"]["shape"] == [1, 8, 32, 48]
    assert description["classes"] == list(catalog.DATASETS["synthetic"].classes)
    assert description["files"]["net.pt2"]["tolerance"] == 1e-3
    assert description["settings"] == TRAINED.settings()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.json", "net.pt2"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["biased", "not finite"])
def test_program_that_differs_is_refused_and_deleted(
    fault: str, trained: TrainedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.pt2").write_text("an earlier export")
    read_program = export._read_program
    change = {"biased": 2e-3, "not finite": torch.nan}[fault]

    def read_faulty_program(file: Path) -> export.Program:
        program = read_program(file)
        return lambda clip: program(clip) + change

    monkeypatch.setattr(export, "_read_program", read_faulty_program)

    with pytest.raises(UserError, match=r"net.pt2 was not written: .* by up to .*limit 1e-03"):
        export_network(trained, "abc", tmp_path / "net.pt2", with_onnx=False)

    assert list(tmp_path.iterdir()) == []


def test_programs_are_compared_on_noise_and_on_moving_images() -> None:
    clips = export._make_clips(3, 32, 48)

    assert [tuple(x.shape) for x in clips] == [(1, 3, 3, 32, 48)] * 6
    noise, moving = clips[0], clips[-1]
    steps = [(x[..., 1:] - x[..., :-1]).abs().mean() for x in (noise, moving)]
    assert steps[1] < 0.2 * steps[0]  # neighbouring pixels of an image are alike
    assert torch.equal(moving[0, 0, ..., 4:], moving[0, 1, ..., :-4])  # and frames move
    assert not torch.equal(moving[0, 0], moving[0, 1])


@pytest.mark.parametrize(
    ("out", "message"),
    [("net.onnx", r"must end in .pt2"), ("none/net.pt2", "cannot write net.pt2: folder .*none")],
)
def test_path_that_cannot_be_written_is_refused(
    out: str, message: str, trained: TrainedNetwork, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        export_network(trained, "abc", tmp_path / out, with_onnx=False)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_is_an_error_and_does_not_end_the_process(
    trained: TrainedNetwork, tmp_path: Path
) -> None:
    (tmp_path / ".net.unfinished.pt2").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        export_network(trained, "abc", tmp_path / "net.pt2", with_onnx=False)

    assert list(tmp_path.glob("*.pt2")) == []


def test_missing_onnx_is_reported_with_the_extra_to_install(
    trained: TrainedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ONNX_PACKAGES", ("onnx", "missing_package"))

    assert not export.onnx_is_installed()
    with pytest.raises(UserError, match=r"pip install 'vss-orch\[onnx\]'"):
        export_network(trained, "abc", tmp_path / "net.pt2", with_onnx=True)


def make_network(folder: Path, **settings: Any) -> TrainedNetwork:
    """Return a network whose branches, which start as no-ops, have an effect."""
    config = tiny(**settings)
    torch.manual_seed(0)
    model = build_inference_model(config)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    save_weights(model.state_dict(), folder / "weights.safetensors")
    return TrainedNetwork(config, folder / "weights.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.HEADS)
def test_every_head_is_exported_as_program_and_as_onnx(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra vss-orch[onnx]")
    row = catalog.HEADS[name]
    memory = {"memory_length": 2, "include_current_frame": True} if row.uses_memory else {}

    programs = export_network(
        make_network(tmp_path, head=name, **memory), name, tmp_path / "net.pt2", with_onnx=True
    )

    assert [program.file.name for program in programs] == ["net.pt2", "net.onnx"]
    assert all(program.difference < 1e-3 for program in programs)
    assert sorted(x.name for x in tmp_path.iterdir()) == [
        "net.json", "net.onnx", "net.pt2", "weights.safetensors",
    ]  # fmt: skip


@pytest.mark.slow
def test_onnx_file_runs_without_this_package(trained: TrainedNetwork, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra vss-orch[onnx]")
    export_network(trained, "abc", tmp_path / "net.pt2", with_onnx=True)

    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")

    (logits,) = session.run(["logits"], {"clip": clip().numpy()})
    program = ClipProgram(load_trained_network(trained), 32, 48).eval()
    with torch.inference_mode():
        np.testing.assert_allclose(logits, program(clip()).numpy(), atol=1e-3)
