"""How an experiment was measured, and how to repeat it."""

from collections.abc import Sequence

from reports.records import ExperimentRecord, RunRecord
from reports.text.format import escape, setting_value
from reports.text.page import Page


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
    values = {name: run.settings.get(name) for name in names}
    return ", ".join(
        text if name == label or len(names) == 1 else f"{name} {text}"
        for name, value in values.items()
        if value is not None and (value != 0 or isinstance(value, bool))
        for text in [setting_value(value)]
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
