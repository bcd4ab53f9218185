"""The sections on how an experiment was measured and how to reproduce it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from reports.records import RunRecord
from reports.text.format import code, escape, setting_value
from reports.text.page import Page

# Label of a line -> the settings that it lists, if they apply.
_SETTINGS = {
    "dataset": ("dataset",),
    "frame size, pixels": ("frame_width", "frame_height"),
    "spacing of memory frames, video frames": ("frame_stride",),
    "backbone": ("backbone", "width", "output_stride", "weights"),
    "steps": ("steps",),
    "batch size": ("batch_size",),
    "optimizer": ("optimizer", "learning_rate", "momentum", "weight_decay", "gradient_clip"),
    "schedule": ("schedule", "poly_power", "final_learning_rate", "warmup_share"),
    "loss": (
        "class_weights", "ohem_threshold", "auxiliary_weight", "distillation_weight",
    ),
    "augmentation": (
        "flip", "scale_min", "scale_max", "crop_width", "crop_height", "photometric",
    ),
    "sliding windows, pixels": ("window", "window_stride"),
    "precision": ("precision",),
    "scored weights": ("select",),
}  # fmt: skip
# Label of a line -> the name in a trial's environment.
_ENVIRONMENT = {
    "device": "device",
    "threads": "threads",
    "trials sharing a device, at most": "trials_on_device",
    "system": "system",
    "Python": "python",
    "PyTorch": "torch",
    "torchvision": "torchvision",
    "NumPy": "numpy",
    "commit": "git_commit",
    "uncommitted changes": "git_dirty",
}
_YES_NO = {"True": "yes", "False": "no"}
_VOID = "Void"  # the class of unlabelled pixels, if they are scored


def write_conditions(page: Page) -> str:
    """List data, recipe, device and versions, with a warning where rows differ."""
    runs = page.record.finished
    lines = [
        _line("scored on", {f"{r.scored_split} ({r.scored_frames} frames)" for r in runs}),
        *(
            _line(label, {_settings(run, label, names) for run in runs})
            for label, names in _SETTINGS.items()
        ),
        _seeds_line(page),
        _line("classes", {_classes(run) for run in runs if run.classes}),
        _line("data fingerprint", {(run.data_fingerprint or "unknown")[:12] for run in runs}),
        *(
            _line(label, {_environment(run, name) for run in runs})
            for label, name in _ENVIRONMENT.items()
        ),
        f"- peak training memory, MiB: {_range([run.peak_memory_mib for run in runs])}",
        _latency_line(page),
        _restarts_line(runs),
    ]
    return "## How it was measured\n\n" + "\n".join(line for line in lines if line)


def _line(label: str, values: set[str], separator: str = ", ") -> str:
    """Write a line of the list, with a warning if rows of the table were measured differently."""
    if not any(values):
        return ""
    text = separator.join(escape(value or "none") for value in sorted(values))
    warning = " — **rows differ**" if len(values) > 1 else ""
    return f"- {label}: {text}{warning}"


def _settings(run: RunRecord, label: str, names: Sequence[str]) -> str:
    """Write settings of a trial by name and value, without the name if the label is the name.

    Settings that do not apply or are 0, which means off, are left out.
    """
    values = {name: run.settings.get(name) for name in names}
    return ", ".join(
        text if name == label or len(names) == 1 else f"{name} {text}"
        for name, value in values.items()
        if value is not None and (value != 0 or isinstance(value, bool))
        for text in [setting_value(value)]
    )


def _environment(run: RunRecord, name: str) -> str:
    value = str(run.environment.get(name, "unknown"))
    return _YES_NO.get(value, value)


def _seeds_line(page: Page) -> str:
    """Write the seeds of the finished trials; cells may lack some."""
    cells = [sorted(page.study.runs(cell)) for cell in page.record.cells]
    lists = {", ".join(map(str, seeds)) for seeds in cells if seeds}
    return _line("seeds", lists, separator="; ")


def _classes(run: RunRecord) -> str:
    """State how many classes a score averages over, and whether void is one of them."""
    rule = "void is one of them" if _VOID in run.classes else "void is not scored"
    return f"{len(run.classes)} ({rule})"


def _range(values: Sequence[float | None]) -> str:
    measurements = [value for value in values if value is not None]
    if not measurements:
        return "not measured"
    return f"{min(measurements):.0f} to {max(measurements):.0f}"


def _latency_line(page: Page) -> str:
    conditions = page.record.latency_conditions
    if not conditions:
        return "- latency: not measured"
    processes = conditions.get("processes", 1)
    order = "in a new random order every round" if "processes" in conditions else "cells in turn"
    spread = f", spread over {processes} processes" if processes > 1 else ""
    runs = conditions["runs_per_round"]
    return (
        f"- latency: batch size {conditions['batch_size']}, {conditions['rounds']} rounds of "
        f"{runs} {'prediction' if runs == 1 else 'predictions'} per cell, {order}{spread}, "
        "warm-up excluded, "
        f"on {escape(str(conditions['device']))} (threads: {escape(str(conditions['threads']))})"
        f"{_load(conditions)}"
    )


def _load(conditions: Mapping[str, Any]) -> str:
    """State how many processors other processes kept busy, if it was measured."""
    load, processors = conditions.get("other_load"), conditions.get("processors")
    if load is None or processors is None:
        return ""
    return f"; other processes kept {load:.1f} of {processors} processors busy"


def _restarts_line(runs: Sequence[RunRecord]) -> str:
    restarts = [
        f"{escape(run.cell)}, seed {run.seed} ({run.attempts} attempts)"
        for run in runs
        if run.attempts > 1
    ]
    return f"- started more than once: {'; '.join(restarts)}" if restarts else ""


def write_reproduction(page: Page) -> str:
    """Write the spec and the command that runs it; return "" if there is no spec."""
    record = page.record
    if not record.source:
        return ""
    parts = ["## How to reproduce it"]
    if record.command:
        command = code(" ".join(record.command.split()))
        parts += ["Save the spec below as `spec.yaml` and run:", f"    {command}"]
    if record.own_baseline:
        rebase = (
            f"vss-orch report --from REPORT --baseline {shlex.quote(record.baseline)} --out NEW"
        )
        parts += ["Then build this report from the study's own:", f"    {code(rebase)}"]
    source = code(record.source.rstrip())
    fence = "`" * max(4, 1 + max(map(len, re.findall("`+", source)), default=0))
    return "\n\n".join([*parts, f"{fence}yaml\n{source}\n{fence}"])
