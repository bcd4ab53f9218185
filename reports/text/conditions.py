"""How an experiment was measured, what is missing, and how to repeat it."""

import math
from collections.abc import Sequence

from reports.analysis.overview import escape
from reports.records import ExperimentRecord, RunRecord
from reports.text.page import Page, several
from reports.text.summary import plain


def conditions(page: Page) -> str:
    """Data, recipe, device, versions: one line each, with a warning where rows differ in it."""
    record = page.record
    runs = record.finished
    lines = [
        _said("scored on", {f"{r.scored_split} ({r.scored_frames} frames)" for r in runs}),
        *(
            _said(label, {_settings(run, label, names) for run in runs})
            for label, names in _SETTINGS_SHOWN.items()
        ),
        _seeds_line(page),
        _said("classes", {_class_rule(r) for r in runs if r.classes}),
        _said("data fingerprint", {(r.data_fingerprint or "unknown")[:12] for r in runs}),
        *(
            _said(label, {_YES_NO.get(found, found) for found in _environment(runs, name)})
            for label, name in _ENVIRONMENT_SHOWN.items()
        ),
        f"- peak memory of a training, MiB: {_range([r.peak_memory_mib for r in runs])}",
        _latency_line(record),
    ]
    retried = [
        f"{escape(r.cell)}, seed {r.seed} ({r.attempts} times)" for r in runs if r.attempts > 1
    ]
    if retried:
        lines.append(f"- started more than once: {'; '.join(retried)}")
    return "## How it was measured\n\n" + "\n".join(line for line in lines if line)


# A line of the list -> the settings that it shows; what does not apply is left out.
_SETTINGS_SHOWN = {
    "dataset": ("dataset",),
    "frames, pixels": ("frame_width", "frame_height"),
    "memory frame spacing, video frames": ("frame_stride",),
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
    "windows at test": ("window", "window_stride"),
    "precision": ("precision",),
    "weights scored": ("select",),
}  # fmt: skip
_ENVIRONMENT_SHOWN = {
    "device": "device",
    "threads": "threads",
    "trials that may share a device": "trials_on_device",
    "system": "system",
    "Python": "python",
    "PyTorch": "torch",
    "torchvision": "torchvision",
    "NumPy": "numpy",
    "commit": "git_commit",
    "uncommitted changes": "git_dirty",
}


_YES_NO = {"True": "yes", "False": "no"}


def _environment(runs: Sequence[RunRecord], name: str) -> list[str]:
    return [str(run.environment.get(name, "unknown")) for run in runs]


def _settings(run: RunRecord, label: str, names: Sequence[str]) -> str:
    """Some settings of a trial by name and value; without its name what the label says already.

    What does not apply or is 0, which is to say off, is left out.
    """
    known = [(name, run.settings.get(name)) for name in names]
    return ", ".join(
        plain(value) if name == label or len(names) == 1 else f"{name} {plain(value)}"
        for name, value in known
        if value is not None and (value != 0 or isinstance(value, bool))
    )


def _seeds_line(page: Page) -> str:
    """The seeds of the finished trials; cells may lack some."""
    cells = {cell: sorted(page.study.runs(cell)) for cell in page.record.cells}
    return _said(
        "seeds", {", ".join(map(str, seeds)) for seeds in cells.values() if seeds}, apart="; "
    )


def _class_rule(run: RunRecord) -> str:
    """How many classes a score is a mean of, and whether void is one of them."""
    void = "Void" in run.classes
    return f"{len(run.classes)}, {'void is one of them' if void else 'void is not scored'}"


def _said(label: str, values: set[str], apart: str = ", ") -> str:
    """A line of the list; it warns if rows of one table were measured under several conditions."""
    if not any(values):
        return ""
    shown = apart.join(escape(value or "none") for value in sorted(values))
    warning = " — **rows differ in it**" if len(values) > 1 else ""
    return f"- {label}: {shown}{warning}"


def _range(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{min(known):.0f} to {max(known):.0f}" if known else "not measured"


def _latency_line(record: ExperimentRecord) -> str:
    found = record.latency_conditions
    if not found:
        return "- latency: not measured"
    return (
        f"- latency: batch {found['batch_size']}, "
        f"{found['rounds']} rounds of {found['runs_per_round']} over all cells in turn, warm-up "
        f"left out, on {escape(str(found['device']))} (threads: {found['threads']})"
    )


def repeating(page: Page) -> str:
    """The command and the spec; nothing if there is no spec."""
    record = page.record
    if not record.source:
        return ""
    parts = ["## Repeat it"]
    if record.command:
        parts += ["Save this as `spec.yaml`, then", f"    {record.command}"]
    return "\n\n".join([*parts, f"````yaml\n{record.source.rstrip()}\n````"])


def missing(page: Page) -> str:
    """What has no numbers, and what has some of them only."""
    lines = [
        f"- {escape(run.cell)}, seed {run.seed}: {run.state}"
        + (f", {escape(run.message)}" if run.message else "")
        for run in page.record.runs
        if run.state != "FINISHED"
    ]
    lines += _gaps(page)
    return "### What is missing\n\n" + "\n".join(lines) if lines else ""


def _gaps(page: Page) -> list[str]:
    """What finished trials lack, and what the report cannot say for that."""
    runs = page.record.finished
    lacks: dict[str, list[RunRecord]] = {
        "no counts of single frames (frames.npz), so no interval of any cell covers the test set": [
            run for run in runs if run.confusions is None
        ],
        "no curves (curves.csv)": [run for run in runs if not run.curves],
        "a score that is no number": [
            run for run in runs if math.isnan(run.metrics.get(page.study.metric, math.nan))
        ],
    }
    lines = [
        f"- {escape(run.cell)}, seed {run.seed}: {escape(run.message)}"
        for run in runs
        if run.message
    ]
    lines += [f"- {what}: {_trials(found)}" for what, found in lacks.items() if found]
    if runs and not lacks[next(iter(lacks))] and page.study.test_sets is None:
        lines.append(
            "- trials were scored on different frames or data, so no interval covers the test set"
        )
    costs = page.record.costs
    unmeasured = [
        escape(cell)
        for cell in page.record.cells
        if page.study.runs(cell) and (cell not in costs or costs[cell].clip is None)
    ]
    if unmeasured and page.record.latency_conditions:
        lines.append(f"- no latency, so not in its figure: {several(unmeasured)}")
    lines += [
        f"- class {escape(name)}: in no label of {several([escape(c) for c in cells])}"
        for name, cells in _absent_classes(page).items()
    ]
    return lines


def _absent_classes(page: Page) -> dict[str, list[str]]:
    """Class -> the cells that have no IoU of it: it is neither labelled nor predicted."""
    absent: dict[str, list[str]] = {}
    for cell in page.record.cells:
        for run in list(page.study.runs(cell).values())[:1]:
            for name in run.classes:
                if name not in run.iou or math.isnan(run.iou[name]):
                    absent.setdefault(name, []).append(cell)
    return absent


def _trials(runs: Sequence[RunRecord]) -> str:
    return several([f"{escape(run.cell)}, seed {run.seed}" for run in runs], "; ")
