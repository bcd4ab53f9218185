"""The report of an experiment: sections in reading order, as Markdown, HTML, CSV and TeX."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from reports import html, plots, saved, tables, tex
from reports.records import ExperimentRecord
from reports.tables import duration, escape, number, percent, render, signed, spread

PICTURES = "pictures"
PICTURES_TEXT = "section.md"  # beside the pictures: the part of the report that shows them
MAX_PICTURED_CELLS = 6
PICTURES_PER_CELL = 2


@dataclass(frozen=True)
class Page:
    """A report in the making: what the sections read, and where they leave figures."""

    record: ExperimentRecord
    table: pd.DataFrame
    folder: Path
    pictures: bool = True


def build_report(record: ExperimentRecord, out: Path, pictures: bool = True) -> Path:
    """Write a report in all its forms, its figures, and what `rebuild` needs, into a folder.

    Args:
        record: the experiment.
        out: the folder; made if need be, files of an earlier report are replaced.
        pictures: show frames of the dataset.

    Returns:
        the path of report.md.

    Raises:
        ReportError: if the record holds what cannot be saved.
    """
    record = saved.plain(record)
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / PICTURES, ignore_errors=True)
    return _write(record, out, pictures)


def rebuild(folder: Path, out: Path, pictures: bool = True) -> Path:
    """Make a report again from what it left beside itself.

    Markdown, CSV, JSON and TeX are the same to the last byte. Plots are drawn anew; pictures are
    not in the record: they are taken over as they lie in the folder, with the text that shows them.

    Args:
        folder: of a report.
        out: for the new one; may be the same.
        pictures: show frames of the dataset.

    Returns:
        the path of the new report.md.

    Raises:
        ReportError: if a file is missing or damaged.
    """
    record = saved.load(folder)
    out.mkdir(parents=True, exist_ok=True)
    if not (pictures and out.samefile(folder)):
        shutil.rmtree(out / PICTURES, ignore_errors=True)
        if pictures and (folder / PICTURES).is_dir():
            shutil.copytree(folder / PICTURES, out / PICTURES)
    return _write(record, out, pictures)


def _write(record: ExperimentRecord, out: Path, pictures: bool) -> Path:
    page = Page(record, tables.accuracy_latency(record), out, pictures)
    text = "\n\n".join(part for section in SECTIONS if (part := section(page))) + "\n"
    tables.results(record).to_csv(out / "results.csv", index=False)
    saved.save(record, out)
    (out / "table.tex").write_text(_tex(page), encoding="utf-8")
    (out / "report.html").write_text(html.page(record.name, text, out), encoding="utf-8")
    report = out / "report.md"
    report.write_text(text, encoding="utf-8")
    return report


def _tex(page: Page) -> str:
    """The main table, for a paper."""
    columns: dict[str, Callable[[pd.Series], str]] = {
        "cell": lambda r: r["cell"],
        "mIoU % (seeds)": lambda r: spread(r["mean"], r["std"], r["n"]),
        "points": lambda r: signed(100 * r["delta"]),
        "training time": lambda r: duration(r["train_seconds"]),
        "latency ms": lambda r: number(r["latency_ms_median"], 2),
        "parameters, M": lambda r: number(r["parameters"] / 1e6, 2),
    }
    rows = [[show(row) for show in columns.values()] for _, row in page.table.iterrows()]
    caption = f"{page.record.name}: differences are from {page.record.baseline}."
    return tex.booktabs(caption, f"tab:{page.record.name}", list(columns), rows)


def _heading(page: Page) -> str:
    record = page.record
    lines = [f"# {escape(record.name)}", escape(record.description)]
    counts = f"{len(record.finished)} of {len(record.runs)} trials finished"
    if len(record.finished) < len(record.runs):
        counts = f'**{counts}**, the others are named under "What is missing"'
    lines.append(f"{counts}, {len(record.cells)} cells.")
    return "\n\n".join(line for line in lines if line)


def _accuracy(page: Page) -> str:
    baseline = page.record.baseline
    shown = render(
        page.table,
        {
            "cell": lambda r: _marked(r["cell"], baseline),
            "mIoU %, mean ± s.d. (seeds)": lambda r: spread(r["mean"], r["std"], r["n"]),
            "difference, points": lambda r: signed(100 * r["delta"]),
            "difference, relative": lambda r: signed(100 * r["delta_relative"], 2, " %"),
            "training time": lambda r: duration(r["train_seconds"]),
            "time, relative": lambda r: signed(100 * r["train_relative"], 1, " %"),
            "latency ms, median (p95)": lambda r: (
                f"{number(r['latency_ms_median'], 2)} ({number(r['latency_ms_p95'], 2)})"
            ),
            "latency, ratio": lambda r: number(r["latency_ratio"], 2),
            "parameters, M": lambda r: number(r["parameters"] / 1e6, 2),
        },
    )
    return (
        "## Accuracy against latency\n\n"
        f"{shown}\n\n"
        f"Differences are from **{escape(baseline)}**. Training time counts optimiser steps only, "
        "the first ones after each start left out, as D-HH:MM:SS, mean over seeds. "
        "A standard deviation over a few seeds is itself uncertain: differences of its size "
        "are not evidence."
        f"{_selection_note(page.record)}"
    )


def _marked(cell: str, baseline: str) -> str:
    return f"**{escape(cell)}** (baseline)" if cell == baseline else escape(cell)


def _selection_note(record: ExperimentRecord) -> str:
    chosen = sorted({r.cell for r in record.finished if r.settings.get("select") == "best_val"})
    if not chosen:
        return ""
    names = ", ".join(escape(cell) for cell in chosen)
    return f"\n\n**Selected on validation** (the step with the best val mIoU was scored): {names}."


def _plots(page: Page) -> str:
    scatter, seeds = page.folder / "accuracy_latency.png", page.folder / "seeds.png"
    parts = []
    if plots.accuracy_against_latency(page.table, page.record.baseline, scatter):
        parts.append(f"![mIoU against latency of each cell]({scatter.name})")
    if plots.seeds_by_cell(page.record, seeds):
        parts.append(f"![mIoU of every seed, by cell]({seeds.name})")
    return "\n\n".join(parts)


def _classes(page: Page) -> str:
    table = tables.per_class(page.record)
    if table.columns.empty:
        return ""
    columns: dict[str, Callable[[pd.Series], str]] = {"cell": lambda r: escape(str(r.name))}
    columns |= {escape(name): partial(_class_iou, name) for name in table.columns}
    return f"## IoU by class\n\n{render(table, columns)}\n\nPercent, mean over seeds."


def _class_iou(name: str, row: pd.Series) -> str:
    return percent(row[name], 1)


def _pictures(page: Page) -> str:
    """Frames of the dataset; in a report made again, as they lie there."""
    if not page.pictures:
        return ""
    text = page.folder / PICTURES / PICTURES_TEXT
    if text.exists():
        return text.read_text(encoding="utf-8")
    drawn = _drawn_pictures(page)
    if drawn:
        text.write_text(drawn, encoding="utf-8")
    return drawn


def _drawn_pictures(page: Page) -> str:
    parts = []
    folder = page.folder / PICTURES
    for run in [run for run in page.record.runs if run.pictures][:MAX_PICTURED_CELLS]:
        folder.mkdir(exist_ok=True)
        parts.append(f"**{escape(run.cell)}**, seed {run.seed}")
        for name, content in list(run.pictures.items())[:PICTURES_PER_CELL]:
            file = folder / f"{run.trial_id}-{name}"
            file.write_bytes(content)
            parts.append(f"![{name}: frame, label, prediction]({PICTURES}/{file.name})")
    if not parts:
        return ""
    return "\n\n".join(["## Pictures", "Frame, label and prediction, left to right.", *parts])


def _missing(page: Page) -> str:
    gone = [run for run in page.record.runs if run.state != "FINISHED"]
    if not gone:
        return ""
    lines = [
        f"- {escape(run.cell)}, seed {run.seed}: {run.state}"
        + (f", {escape(run.message)}" if run.message else "")
        for run in gone
    ]
    return "## What is missing\n\n" + "\n".join(lines)


def _conditions(page: Page) -> str:
    record = page.record
    runs = record.finished
    lines = [
        _said("scored on", {f"{r.scored_split} ({r.scored_frames} frames)" for r in runs}),
        *(
            _said(label, {str(run.settings.get(name, "")) for run in runs} - {""})
            for label, name in _SETTINGS_SHOWN.items()
        ),
        _said("data fingerprint", {(r.data_fingerprint or "")[:12] for r in runs}),
        *(
            _said(label, {str(run.environment.get(name, "unknown")) for run in runs})
            for label, name in _ENVIRONMENT_SHOWN.items()
        ),
        _said(
            "uncommitted changes", {str(r.environment.get("git_dirty", "unknown")) for r in runs}
        ),
        _said("peak memory, MiB", {_range([r.peak_memory_mib or 0 for r in runs])}),
        _latency_line(record),
    ]
    retried = [f"{escape(r.cell)}, seed {r.seed}" for r in runs if r.attempts > 1]
    if retried:
        lines.append(f"- started more than once: {'; '.join(retried)}")
    return "## How it was measured\n\n" + "\n".join(line for line in lines if line)


_SETTINGS_SHOWN = {
    "dataset": "dataset",
    "precision": "precision",
    "steps": "steps",
    "batch size": "batch_size",
    "memory frame spacing, video frames": "frame_stride",
    "weights scored": "select",
}
_ENVIRONMENT_SHOWN = {
    "device": "device",
    "threads": "threads",
    "PyTorch": "torch",
    "commit": "git_commit",
}


def _said(label: str, values: set[str]) -> str:
    """A line of the list; it warns if rows of one table were measured under several conditions."""
    if not values:
        return ""
    shown = ", ".join(escape(value) for value in sorted(values))
    warning = " — **rows differ in it**" if len(values) > 1 else ""
    return f"- {label}: {shown}{warning}"


def _range(values: list[float]) -> str:
    if not values:
        return tables.MISSING
    return f"{min(values):.0f} to {max(values):.0f}"


def _latency_line(record: ExperimentRecord) -> str:
    found = record.latency_conditions
    if not found:
        return "- latency: not measured"
    return (
        f"- latency: batch {found['batch_size']}, whole clip encoded for each prediction, "
        f"{found['rounds']} rounds of {found['runs_per_round']} over all cells in turn, warm-up "
        f"left out, on {escape(str(found['device']))} (threads: {found['threads']})"
    )


def _spec(page: Page) -> str:
    if not page.record.source:
        return ""
    return (
        "## Repeat it\n\nSave this as `spec.yaml`, then `vss-orch submit spec.yaml`:\n\n"
        f"````yaml\n{page.record.source.rstrip()}\n````"
    )


# In reading order; each returns Markdown, or nothing.
SECTIONS: list[Callable[[Page], str]] = [
    _heading,
    _accuracy,
    _plots,
    _classes,
    _pictures,
    _missing,
    _conditions,
    _spec,
]
