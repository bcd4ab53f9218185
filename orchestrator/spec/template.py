"""A first spec for a new experiment, written from four answers."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.spec.looks import MAX_SEEDS
from vss import catalog
from vss.errors import UserError
from vss.suggestions import require_known
from vss.untrusted.messages import excerpt_name


@dataclass(frozen=True)
class DataChoice:
    """What the first question chose.

    Attributes:
        dataset: name of the dataset in the catalog.
        description_file: the YAML file that describes the user's own data; None for other data.
    """

    dataset: str
    description_file: Path | None = None


@dataclass(frozen=True)
class NetworkChoice:
    """What the third question chose: the backbone, and the size of frames in pixels."""

    backbone: str
    frame_width: int
    frame_height: int


@dataclass(frozen=True)
class Answers:
    """The answers to all questions.

    Attributes:
        data: the data to train on.
        vary: what the cells differ in, a key of VARIATIONS.
        network: the backbone and the size of frames.
        seeds: the seeds as the spec writes them.
    """

    data: DataChoice
    vary: str
    network: NetworkChoice
    seeds: str


# Dataset -> the default answer to the third question, small enough for a laptop.
DEFAULT_NETWORKS = {
    "synthetic": "resnet18 96x64",
    "camvid": "resnet18 160x120",
    "cityscapes": "resnet18 256x128",
    "folder": "resnet18 160x120",
}
# A line of a spec, and its comment.
_Line = tuple[str, str]
_WIDTH_COMMENT = "channels of the first stage; 64 is standard"
_LARGER: Sequence[_Line] = (
    ("width: 32", _WIDTH_COMMENT),
    ("head_channels: 128", ""),
    ("auxiliary_channels: 64", ""),
    ("steps: 1000", "optimiser steps; a final study needs many more"),
)
# Dataset -> settings that suit it.
_SETTINGS: Mapping[str, Sequence[_Line]] = {
    "synthetic": (
        ("width: 16", _WIDTH_COMMENT),
        ("head_channels: 64", ""),
        ("auxiliary_channels: 32", ""),
        ("steps: 300", "optimiser steps"),
    ),
    "camvid": (
        ("frame_stride: 30", "labelled frames are 30 video frames apart"),
        *_LARGER,
    ),
}
_TRAINING: Sequence[_Line] = (
    ("batch_size: 8", "clips per step"),
    ("optimizer: adamw", ""),
    ("learning_rate: 3e-3", ""),
    ("weight_decay: 0.01", ""),
    ("schedule: one_cycle", ""),
    ("eval_every: 100", "steps between scorings on val, for the curves"),
)
_MEMORY_HEAD: Sequence[_Line] = (
    ("head: tma", "attention to a memory of past frames"),
    ("memory_length: 1", "past frames that the head reads"),
)
# What varies -> what the question says about it.
VARIATIONS: Mapping[str, str] = {
    "memory": "the number of past frames that the network reads",
    "head": "the decode head, for individual frames",
    "backbone": "the image encoder",
    "learning_rate": "the highest learning rate",
}
_BACKBONES = ("resnet18", "resnet34", "resnet50")
_MEMORY_CELLS = """\
# share_slots keeps the number of parameters the same for every length of the memory.
baseline: no memory             # the cell that the others are compared with
cells:                          # each line is a cell: its name, and how it differs from base
  no memory: {head: fcn}
  memory 1: {head: tma, memory_length: 1, share_slots: true, position_code: 2}
  memory 2: {head: tma, memory_length: 2, share_slots: true, position_code: 2}
  memory 4: {head: tma, memory_length: 4, share_slots: true, position_code: 2}
"""
_SPEC = """\
# An ablation study: which of these cells has the highest mIoU, and at what latency?
#
#   vss-orch plan {file}               lists cells and trials; --cost estimates memory and time
#   vss-orch submit {file} --smoke     runs two steps of each cell
#   vss-orch submit {file}{data_option}
#
# vss-orch names lists every setting and the names that it accepts.
name: {name}
{seeds}
{varied}base:                           # settings of every cell
{base}
# margin: 0.5                   # the difference in points of mIoU that does not matter
resources: {{cpus: 1, gpus: 0}}   # of each trial; with gpus: 1, each trial has a GPU to itself
# budget: {{trial_hours: 24}}     # after which no trial starts; gpu_hours where trials use GPUs
"""


def parse_data(text: str) -> DataChoice:
    """Parse the answer to the first question: a dataset, or a file that describes one.

    Raises:
        UserError: if it is neither.
    """
    if text.endswith((".yaml", ".yml")):
        file = Path(text).expanduser()
        if not file.is_file():
            raise UserError(f"there is no file {file}: docs/data.md shows how to describe data")
        return DataChoice("folder", file)
    names = {name: row for name, row in catalog.DATASETS.items() if name != "folder"}
    return DataChoice(_require("dataset", text, names))


def parse_variation(text: str) -> str:
    """Parse the answer to the second question.

    Raises:
        UserError: if it is not a key of VARIATIONS.
    """
    return _require("answer", text, VARIATIONS)


def parse_network(text: str) -> NetworkChoice:
    """Parse the answer to the third question: BACKBONE WIDTHxHEIGHT.

    Raises:
        UserError: if it has a different form, or the backbone is unknown.
    """
    match = re.fullmatch(r"(\S+)\s+(\d+)x(\d+)", text.strip())
    if match is None:
        raise UserError(f"'{text}': write BACKBONE WIDTHxHEIGHT, for example resnet18 160x120")
    backbone = _require("backbone", match[1], catalog.BACKBONES)
    return NetworkChoice(backbone, int(match[2]), int(match[3]))


def parse_seeds(text: str) -> str:
    """Parse the answer to the fourth question, a number or FROM-TO, into what a spec says.

    Raises:
        UserError: if it has a different form.
    """
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if match is None or len(text) > 100 or not 0 < int(match[1]) <= MAX_SEEDS:
        raise UserError(
            f"'{excerpt_name(text)}': write a number of seeds such as 3, or a range such as 3-10; "
            f"at most {MAX_SEEDS:,}"
        )
    if match[2]:
        return f"{{from: {match[1]}, to: {match[2]}}}"
    return str(list(range(int(match[1]))))


def build_spec_text(answers: Answers, file: Path) -> str:
    """Return the text of a spec that is saved as `file`."""
    dataset = answers.data.dataset
    needs_path = catalog.DATASETS[dataset].needs_path
    return _SPEC.format(
        file=file,
        data_option=f" --data {dataset}=PATH" if needs_path else "",
        name=re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).strip("_.-")[:80] or "study",
        seeds=_build_seeds(answers.seeds),
        varied=_build_variation(answers),
        base="\n".join(_build_base(answers, file)),
    )


def _build_seeds(seeds: str) -> str:
    comment = "every cell is trained with each of them"
    if seeds.startswith("{"):
        comment = "number of seeds at the first and at the last look"
    return f"{f'seeds: {seeds}':<31} # {comment}"


def _build_base(answers: Answers, file: Path) -> Iterator[str]:
    """Yield the lines of `base`, without the setting that varies."""
    data, network = answers.data, answers.network
    lines: list[_Line] = [(f"dataset: {data.dataset}", "")]
    if data.description_file is not None:
        path = os.path.relpath(data.description_file.resolve(), file.resolve().parent)
        lines.append((f"dataset_file: {json.dumps(path)}", "relative to this file"))
    lines += [
        (f"frame_width: {network.frame_width}", "pixels; frames are resized to this size"),
        (f"frame_height: {network.frame_height}", ""),
        (f"backbone: {network.backbone}", ""),
        *(_MEMORY_HEAD if answers.vary in ("backbone", "learning_rate") else ()),
        ("include_current_frame: false", "whether the memory holds the current frame too"),
        *_SETTINGS.get(data.dataset, _LARGER),
        *_TRAINING,
    ]
    for line, comment in lines:
        if not line.startswith(f"{answers.vary}:"):
            yield f"  {line:<29} # {comment}" if comment else f"  {line}"


def _build_variation(answers: Answers) -> str:
    """Return the keys of the spec that say what varies."""
    match answers.vary:
        case "memory":
            return _MEMORY_CELLS
        case "head":
            values = ["fcn", "psp", "nonlocal", "danet"]
        case "backbone":
            values = list(dict.fromkeys([answers.network.backbone, *_BACKBONES]))
        case _:
            values = ["1e-3", "3e-3", "1e-2"]
    comment = "each value makes a cell; the first is the baseline"
    return f"grid:                           # {comment}\n  {answers.vary}: [{', '.join(values)}]\n"


def _require(kind: str, text: str, names: Mapping[str, object]) -> str:
    try:
        return require_known(kind, text.strip(), names)
    except ValueError as error:
        raise UserError(str(error)) from None
