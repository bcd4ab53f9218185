"""A trained network as a program that runs without this package: `torch.export`, and ONNX.

What is exported is the clip form, in fp32: all frames in, logits at frame size out. Each program is
read back from its file and compared with the network before the file is left to anybody.
Shapes: T past frames, K classes, H W frame size.
"""

import importlib.util
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
from vss.inference.trained_network import TrainedModel, load
from vss.media.temporary_path import temporary_path
from vss.models.segmenter import VideoSegmenter
from vss.runtime.environment import describe_environment

TOLERANCE = 1e-3  # of a logit, absolute, in fp32
ONNX_PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_OPSET = 18
_CLIPS = 3  # of each kind that are compared
_TIMED = 15  # predictions of each
Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Exported:
    """One program that was written.

    Attributes:
        file: where it is.
        difference: largest one of a logit from the network's, over all clips compared.
        same_class: share of pixels to which both give the same class.
        latency_ms: median of one prediction.
        network_latency_ms: median of the network's own, in turn with it.
    """

    file: Path
    difference: float
    same_class: float
    latency_ms: float
    network_latency_ms: float


class ClipProgram(nn.Module):
    """The network with its last step, the logits' way to frame size, inside."""

    def __init__(self, model: VideoSegmenter, height: int, width: int) -> None:
        super().__init__()
        self.model = model
        self.size = (height, width)

    def forward(self, clip: Tensor) -> Tensor:
        """(1, T + 1, 3, H, W), normalised, oldest frame first -> (1, K, H, W) logits."""
        return self.model.predict(clip, self.size)


def onnx_is_installed() -> bool:
    """Whether all packages are there that ONNX needs."""
    return all(importlib.util.find_spec(name) for name in ONNX_PACKAGES)


def export_network(
    trained: TrainedModel, source: str, out: Path, with_onnx: bool
) -> list[Exported]:
    """Write the program, the ONNX file if asked for, and a JSON that says how to feed them.

    Args:
        trained: whose network; it is exported for the CPU.
        source: the trial or file that it is of, for the JSON.
        out: ends in .pt2; the others are named like it, with .onnx and .json.
        with_onnx: write FILE.onnx too.

    Raises:
        UserError: if a package is missing, or a program's logits differ from the network's by more
            than TOLERANCE; nothing is left of that program.
    """
    if out.suffix != ".pt2":
        raise UserError(f"--out {out}: end it in .pt2")
    if not out.resolve().parent.is_dir():
        raise UserError(f"no folder {out.resolve().parent} to write {out.name} into")
    if with_onnx and not onnx_is_installed():
        raise UserError("ONNX needs packages that are not here: pip install 'vss-orch[onnx]'")
    config = trained.config
    plain = load(trained).to(memory_format=torch.contiguous_format)  # what archives hold
    network = ClipProgram(plain, config.frame_height, config.frame_width).eval()
    clips = _clips(config.memory_length + 1, config.frame_height, config.frame_width)
    done = [_checked(out, network, clips, _write_program, _read_program)]
    if with_onnx:
        file = out.with_suffix(".onnx")
        done.append(_checked(file, network, clips, _write_onnx, _read_onnx))
    _write_json(out.with_suffix(".json"), _description(trained, source, done))
    return done


def summary(program: Exported) -> str:
    """One line about a program that was written."""
    return (
        f"{program.file}: largest difference from the network {program.difference:.1e} (logits, "
        f"fp32; {TOLERANCE:.0e} is allowed), same class for {100 * program.same_class:.2f} % of "
        f"the pixels; latency {program.latency_ms:.1f} ms, the network's in turn with it "
        f"{program.network_latency_ms:.1f} ms (median of {_TIMED}, batch 1, CPU, "
        f"{torch.get_num_threads()} threads)"
    )


def _checked(
    file: Path,
    network: ClipProgram,
    clips: list[Tensor],
    write: Callable[[ClipProgram, Tensor, Path], None],
    read: Callable[[Path], Run],
) -> Exported:
    """Write a program, read it back and compare; it gets its name only if it agrees."""
    temporary = temporary_path(file)
    try:
        write(network, clips[0], temporary)
        run = read(temporary)
        found = _compared(file, network, run, clips)
        if found.difference > TOLERANCE:
            file.unlink(missing_ok=True)  # of an earlier export: it must not pass for this one
            raise UserError(
                f"{file.name} is not written: its logits differ from the network's by up to "
                f"{found.difference:.2e}, allowed are {TOLERANCE:.0e}"
            )
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return found


@torch.inference_mode()
def _compared(file: Path, network: ClipProgram, run: Run, clips: list[Tensor]) -> Exported:
    difference, same = 0.0, []
    for clip in clips:
        expected, found = network(clip), run(clip)
        difference = max(difference, float((found - expected).abs().max().nan_to_num(torch.inf)))
        same.append(float((found.argmax(1) == expected.argmax(1)).float().mean()))
    program_ms, network_ms = _latencies_ms([run, network], clips[0])
    return Exported(file, difference, float(np.mean(same)), program_ms, network_ms)


def _latencies_ms(runs: Sequence[Run], clip: Tensor) -> list[float]:
    """Median of each, run in turn, so that a machine that slows down slows all of them."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(_TIMED):  # comparing them was the warm-up
        for run, taken in zip(runs, seconds, strict=True):
            began = time.perf_counter()
            run(clip)
            taken.append(time.perf_counter() - began)
    return [float(np.median(taken)) * 1000 for taken in seconds]


def _clips(frames: int, height: int, width: int) -> list[Tensor]:
    """Normalised clips to compare on: noise, and smooth pictures that move, as in a video."""
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(1, frames, 3, height, width, generator=generator) for _ in range(_CLIPS)]
    moving = []
    for _ in range(_CLIPS):
        coarse = torch.rand(1, 3, 6, 8, generator=generator) * 255
        large = nn.functional.interpolate(coarse, (height, width + 4 * frames), mode="bicubic")
        shown = [large[..., 4 * i : 4 * i + width] for i in range(frames)]
        pixels = torch.stack(shown, dim=1).clamp(0, 255).byte()  # (1, T + 1, 3, H, W)
        moving.append(normalise(pixels.movedim(2, -1)))
    return noise + moving


def _write_program(network: ClipProgram, clip: Tensor, file: Path) -> None:
    torch.export.save(torch.export.export(network, (clip,)), file)


def _read_program(file: Path) -> Run:
    module = torch.export.load(file).module()

    def run(clip: Tensor) -> Tensor:
        found: Tensor = module(clip)
        return found

    return run


def _write_onnx(network: ClipProgram, clip: Tensor, file: Path) -> None:
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's own inside
        program = torch.onnx.export(
            network,
            (clip,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=["clip"],
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None  # noqa: S101  # it is, with dynamo
    program.save(file, external_data=False)


def _read_onnx(file: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # as many as the network has
    # Else its threads wait busily, and slow down the network that is timed in turn with it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(clip: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"clip": clip.numpy()})[0])

    return run


def _description(trained: TrainedModel, source: str, done: list[Exported]) -> Mapping[str, Any]:
    """What somebody needs who has the files alone."""
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
            "colour": "RGB, 0 to 255, less mean, divided by std",
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
            for program in done
        },
        "measured_on": describe_environment(torch.device("cpu"), torch.get_num_threads()),
    }


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    temporary = temporary_path(file)
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(file)
