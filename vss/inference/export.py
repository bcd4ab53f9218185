"""Export a trained network as a program that runs without this package: `torch.export` or ONNX.

The whole-clip network is exported, in fp32: all frames in, logits at frame size out. Each program
is read back from its file and compared with the network before the file gets its final name.
Shapes: T past frames, K classes, H W frame size.
"""

import importlib.util
import io
import json
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vss.data.tensors import MEAN, STD, normalise
from vss.errors import UserError
from vss.inference.trained_network import TrainedNetwork, load_trained_network
from vss.media.temporary_path import check_writable_file, temporary_path
from vss.models.segmenter import VideoSegmenter
from vss.runtime.environment import describe_environment

TOLERANCE = 1e-3  # largest accepted difference of a logit, absolute, in fp32
ONNX_PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_OPSET = 18
_CLIPS = 3  # number of clips of each kind for the comparison
_TIMED_RUNS = 15  # timed runs per program
Program = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ExportedProgram:
    """A program on disk, compared with the network.

    Attributes:
        file: path of the program.
        difference: the largest difference of a logit from the network's, over all clips.
        same_class: the fraction of pixels in which both predict the same class.
        latency_ms: the median latency of one prediction.
        network_latency_ms: the same for the network itself, timed in alternation.
    """

    file: Path
    difference: float
    same_class: float
    latency_ms: float
    network_latency_ms: float


class ClipProgram(nn.Module):
    """The network together with the resizing of its logits to frame size."""

    def __init__(self, model: VideoSegmenter, height: int, width: int) -> None:
        super().__init__()
        self.model = model
        self.size = (height, width)

    def forward(self, clip: Tensor) -> Tensor:
        """Predict (1, K, H, W) logits of a (1, T + 1, 3, H, W) normalised clip, oldest first."""
        return self.model.predict(clip, self.size)


def onnx_is_installed() -> bool:
    """Return whether all packages that ONNX needs are installed."""
    return all(importlib.util.find_spec(name) for name in ONNX_PACKAGES)


def export_network(
    trained: TrainedNetwork, source: str, out: Path, with_onnx: bool
) -> list[ExportedProgram]:
    """Write the program, an ONNX file if requested, and a JSON file that says how to use them.

    Args:
        trained: the network to export, for the CPU.
        source: the trial or file that it comes from, for the JSON file.
        out: path of the program, ending in .pt2; the other files end in .onnx and .json instead.
        with_onnx: also write the ONNX file.

    Raises:
        UserError: if a package is missing, or a program's logits differ from the network's by more
            than TOLERANCE; that program is then deleted.
    """
    if out.suffix != ".pt2":
        raise UserError(f"--out {out} must end in .pt2")
    for suffix in (".pt2", ".json", *((".onnx",) if with_onnx else ())):
        check_writable_file(out.with_suffix(suffix))
    if with_onnx and not onnx_is_installed():
        raise UserError("ONNX needs additional packages: pip install 'vss-orch[onnx]'")
    config = trained.config
    model = load_trained_network(trained)
    # Archives store tensors in the contiguous layout.
    model = model.to(memory_format=torch.contiguous_format)
    network = ClipProgram(model, config.frame_height, config.frame_width).eval()
    clips = _make_clips(config.memory_length + 1, config.frame_height, config.frame_width)
    programs = [_export(out, network, clips, _write_program, _read_program)]
    if with_onnx:
        file = out.with_suffix(".onnx")
        programs.append(_export(file, network, clips, _write_onnx, _read_onnx))
    _write_json(out.with_suffix(".json"), _description(trained, source, programs))
    return programs


def format_program(program: ExportedProgram) -> str:
    """Format a line about a program."""
    return (
        f"{program.file}: max logit difference {program.difference:.1e} (limit {TOLERANCE:.0e}), "
        f"same class for {100 * program.same_class:.2f} % of pixels; latency "
        f"{program.latency_ms:.1f} ms, original network {program.network_latency_ms:.1f} ms "
        f"(medians of {_TIMED_RUNS} alternating runs, fp32, batch 1, CPU, "
        f"{torch.get_num_threads()} threads)"
    )


def _export(
    file: Path,
    network: ClipProgram,
    clips: list[Tensor],
    write: Callable[[ClipProgram, Tensor, Path], None],
    read: Callable[[Path], Program],
) -> ExportedProgram:
    """Write a program, read it back and compare; rename it to its final name only if it agrees."""
    temporary = temporary_path(file)
    try:
        write(network, clips[0], temporary)
        exported_program = _compare(file, network, read(temporary), clips)
        if exported_program.difference > TOLERANCE:
            file.unlink(missing_ok=True)  # an earlier export must not be mistaken for this one
            raise UserError(
                f"{file.name} was not written: its logits differ from the network's by up to "
                f"{exported_program.difference:.2e} (limit {TOLERANCE:.0e})"
            )
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return exported_program


@torch.inference_mode()
def _compare(
    file: Path, network: ClipProgram, program: Program, clips: list[Tensor]
) -> ExportedProgram:
    difference, agreements = 0.0, []
    for clip in clips:
        expected, actual = network(clip), program(clip)
        difference = max(difference, float((actual - expected).abs().max().nan_to_num(torch.inf)))
        agreements.append(float((actual.argmax(1) == expected.argmax(1)).float().mean()))
    program_ms, network_ms = _latencies_ms([program, network], clips[0])
    return ExportedProgram(file, difference, float(np.mean(agreements)), program_ms, network_ms)


def _latencies_ms(programs: Sequence[Program], clip: Tensor) -> list[float]:
    """Measure median latencies, alternating between programs so that slowdowns affect all."""
    seconds: list[list[float]] = [[] for _ in programs]
    for _ in range(_TIMED_RUNS):  # the comparison was the warm-up
        for program, durations in zip(programs, seconds, strict=True):
            start = time.perf_counter()
            program(clip)
            durations.append(time.perf_counter() - start)
    return [float(np.median(durations)) * 1000 for durations in seconds]


def _make_clips(frames: int, height: int, width: int) -> list[Tensor]:
    """Make normalised clips for the comparison: noise, and smooth images that move like video."""
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(1, frames, 3, height, width, generator=generator) for _ in range(_CLIPS)]
    moving_clips = []
    for _ in range(_CLIPS):
        coarse = torch.rand(1, 3, 6, 8, generator=generator) * 255
        wide = nn.functional.interpolate(coarse, (height, width + 4 * frames), mode="bicubic")
        views = [wide[..., 4 * i : 4 * i + width] for i in range(frames)]
        pixels = torch.stack(views, dim=1).clamp(0, 255).byte()  # (1, T + 1, 3, H, W)
        moving_clips.append(normalise(pixels.movedim(2, -1)))
    return noise + moving_clips


def _write_program(network: ClipProgram, clip: Tensor, file: Path) -> None:
    content = io.BytesIO()  # on a full disk, PyTorch's own writer ends the process
    torch.export.save(torch.export.export(network, (clip,)), content)
    file.write_bytes(content.getbuffer())


def _read_program(file: Path) -> Program:
    module = torch.export.load(file).module()

    def run(clip: Tensor) -> Tensor:
        logits: Tensor = module(clip)
        return logits

    return run


def _write_onnx(network: ClipProgram, clip: Tensor, file: Path) -> None:
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warnings are about internals of the exporter
        program = torch.onnx.export(
            network,
            (clip,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=["clip"],
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None  # noqa: S101  # never None with dynamo=True
    program.save(file, external_data=False)


def _read_onnx(file: Path) -> Program:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # as for the network
    # Its idle threads would spin and slow down the network, which is timed in alternation.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(clip: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"clip": clip.numpy()})[0])

    return run


def _description(
    trained: TrainedNetwork, source: str, programs: list[ExportedProgram]
) -> Mapping[str, Any]:
    """Describe how to use the programs, for readers who have only the files."""
    config = trained.config
    size = [config.frame_height, config.frame_width]
    return {
        "source": source,
        "settings": config.settings(),
        "precision": "fp32",
        "input": {
            "name": "clip",
            "shape": [1, config.memory_length + 1, 3, *size],
            "frames": "oldest first, the one to segment last",
            "frame_stride": config.frame_stride,
            "colour": "RGB, 0 to 255, minus mean, divided by std",
            "mean": MEAN,
            "std": STD,
        },
        "output": {"name": "logits", "shape": [1, len(trained.classes), *size]},
        "classes": list(trained.classes),
        "colours": list(trained.classes.values()),
        "files": {
            program.file.name: {
                "largest_difference": program.difference,
                "tolerance": TOLERANCE,
                "same_class": program.same_class,
                "latency_ms_median": program.latency_ms,
                "network_latency_ms_median": program.network_latency_ms,
            }
            for program in programs
        },
        "measured_on": describe_environment(torch.device("cpu"), torch.get_num_threads()),
    }


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    temporary = temporary_path(file)
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
