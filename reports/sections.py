"""The sections of a report, in reading order: numbers in, Markdown out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from reports import plots, samples, tables
from reports.answer import answer, plain, points, shown
from reports.comparison import Compared, Study, class_differences, frontier
from reports.factors import Effect, Interaction, effects, factor_lines, interactions
from reports.records import ExperimentRecord, RunRecord
from reports.statistics import BETTER, NO_VERDICT, SEEDS_FOR_A_VERDICT, WORSE
from reports.tables import (
    MISSING,
    duration,
    escape,
    interval,
    number,
    percent,
    render,
    signed,
    spread,
)

PICTURES = "pictures"
# What an earlier report may have left.
FIGURES = (
    "accuracy_latency.png",
    "differences.png",
    "curves.png",
    "classes.png",
    "factor-*.png",
    "seeds.png",
)
PICTURES_TEXT = "section.md"  # beside the pictures: the part of the report that shows them
MAX_PICTURED_CELLS = 6
MAX_MAPPED_CELLS = 40  # of the heat map
_NAMED = 8  # trials or cells that a line names before it says how many more there are


@dataclass(frozen=True)
class Page:
    """A report in the making: what the sections read, and where they leave figures.

    Attributes:
        study: the numbers, ready to be compared.
        table: one row a cell, see `tables.overview`.
        folder: of the report.
        pictures: show frames of the dataset.
    """

    study: Study
    table: pd.DataFrame
    folder: Path
    pictures: bool = True

    @property
    def record(self) -> ExperimentRecord:
        """What the report is of."""
        return self.study.record

    @cached_property
    def latency_ms(self) -> Mapping[str, float]:
        """Cell -> median latency of a clip."""
        return dict(zip(self.table["cell"], self.table["clip_median"], strict=True))

    @cached_property
    def effects(self) -> list[Effect]:
        """What each setting does."""
        return effects(self.study)

    @cached_property
    def interactions(self) -> list[Interaction]:
        """Which settings act together."""
        return interactions(self.study)


def _heading(page: Page) -> str:
    record = page.record
    lines = [f"# {escape(record.name)}", escape(record.description)]
    counts = f"{len(record.finished)} of {len(record.runs)} trials finished"
    if len(record.finished) < len(record.runs):
        counts = f'**{counts}**, the others are named under "What is missing"'
    lines.append(f"{counts}, {len(record.cells)} cells.")
    return "\n\n".join(line for line in lines if line)


def _answer(page: Page) -> str:
    return "## Answer\n\n" + " ".join(
        answer(page.study, page.effects, page.interactions, page.latency_ms)
    )


def _accuracy(page: Page) -> str:
    return "\n\n".join(
        part
        for part in (
            "## Accuracy against latency",
            render(page.table, _columns(page)),
            _reading(page),
            _selection_note(page.record),
        )
        if part
    )


def _columns(page: Page) -> dict[str, Callable[[pd.Series], str]]:
    """Heading -> what it shows; a column of which nothing is known is left out."""
    baseline = page.record.baseline
    columns: dict[str, Callable[[pd.Series], str]] = {
        "cell": lambda r: _marked(r["cell"], baseline),
        "mIoU %, mean ± s.d. (seeds)": lambda r: spread(r["mean"], r["std"], r["n"]),
        "difference, points (95 % interval)": _difference,
        "verdict": lambda r: r["verdict"],
        "latency ms, clip (p95)": partial(_latency, "clip"),
        "clip, ratio": partial(_ratio, "clip"),
        "latency ms, streaming (p95)": partial(_latency, "streaming"),
        "streaming, ratio": partial(_ratio, "streaming"),
        "training time": lambda r: duration(r["train_seconds"]),
        "time, relative": lambda r: signed(100 * r["train_relative"], 1, " %"),
        "parameters, M": lambda r: number(r["parameters"] / 1e6, 2),
        "GFLOPs": lambda r: number(r["gflops"], 1),
        "inference memory, MiB": lambda r: number(r["memory_mib"], 0),
        "training memory, MiB": lambda r: number(r["peak_memory_mib"], 0),
        "difference, relative": lambda r: signed(100 * r["delta_relative"], 2, " %"),
        "95 % interval for all cells at once": partial(_ends, "_all"),
        "published mIoU % (another protocol)": lambda r: percent(r["published_miou"]),
        "published time": lambda r: duration(r["published_seconds"]),
    }
    needs = {
        "latency ms, streaming (p95)": "streaming_median",
        "streaming, ratio": "streaming_median",
        "GFLOPs": "gflops",
        "inference memory, MiB": "memory_mib",
        "95 % interval for all cells at once": "low" if len(page.table) > 2 else None,
        "published mIoU % (another protocol)": "published_miou",
        "published time": "published_seconds",
    }
    return {
        heading: show
        for heading, show in columns.items()
        if heading not in needs
        or (needs[heading] is not None and page.table[needs[heading]].notna().any())
    }


def _difference(row: pd.Series) -> str:
    ends = _ends("", row)
    return signed(100 * row["delta"]) + (f" ({ends})" if ends not in ("", MISSING) else "")


def _ends(of: str, row: pd.Series) -> str:
    if row["verdict"] == "baseline":
        return ""  # it does not differ from itself
    return interval(100 * row[f"low{of}"], 100 * row[f"high{of}"])


def _latency(form: str, row: pd.Series) -> str:
    median, p95 = row[f"{form}_median"], row[f"{form}_p95"]
    return MISSING if pd.isna(median) else f"{number(median, 2)} ({number(p95, 2)})"


def _ratio(form: str, row: pd.Series) -> str:
    ratio, low, high = (row[f"{form}_ratio{end}"] for end in ("", "_low", "_high"))
    if pd.isna(ratio) or pd.isna(low):
        return number(ratio, 2)
    return f"{number(ratio, 2)} ({number(low, 2)} to {number(high, 2)})"


def _reading(page: Page) -> str:
    """What the columns mean, as far as they are there."""
    study, base = page.study, escape(page.record.baseline)
    covers = sorted({c.difference.covers for c in study.against_baseline.values()}, key=str)
    said = [
        f"Differences are from **{base}**, over the seeds that both have.",
        _coverage(study, covers),
        "Training time counts optimiser steps only, the first ones after each start left out, as "
        "D-HH:MM:SS, mean over seeds.",
    ]
    if page.table["clip_median"].notna().any():
        said.append(
            "Latency is measured alone, all cells in turn: `clip` encodes every frame for each "
            "prediction, `streaming` only the new one; ratios to the baseline are medians over "
            "rounds, with their 95 % interval."
        )
    return " ".join(part for part in said if part)


def _coverage(study: Study, covers: list[tuple[str, ...]]) -> str:
    if not covers:
        return ""
    if covers == [()]:
        return (
            "One seed and no counts of single frames: nothing says how far a difference may be off."
        )
    sources = " and ".join(covers[-1])
    text = f"Their intervals cover another choice of {sources}"
    if study.test_sets is not None and "test set" in covers[-1]:
        text += (
            f" ({study.test_sets.blocks} blocks of consecutive frames, drawn {study.draws:,} times)"
        )
    many = len(study.against_baseline)
    adjusted = f"are Holm-adjusted for {many} comparisons and " if many > 1 else ""
    return f"{text}; verdicts {adjusted}need {SEEDS_FOR_A_VERDICT} seeds."


def _marked(cell: str, baseline: str) -> str:
    return f"**{escape(cell)}** (baseline)" if cell == baseline else escape(cell)


def _selection_note(record: ExperimentRecord) -> str:
    chosen = sorted({r.cell for r in record.finished if r.settings.get("select") == "best_val"})
    if not chosen:
        return ""
    names = ", ".join(escape(cell) for cell in chosen)
    return f"**Selected on validation** (the step with the best val mIoU was scored): {names}."


def _plots(page: Page) -> str:
    drawn = {
        "accuracy_latency.png": ("mIoU against latency of each cell", _draw_frontier),
        "differences.png": ("differences from the baseline, with intervals", _draw_differences),
        "curves.png": ("loss and mIoU over training, by cell", _draw_curves),
    }
    return "\n\n".join(
        f"![{title}]({name})"
        for name, (title, draw) in drawn.items()
        if draw(page, page.folder / name)
    )


def _draw_frontier(page: Page, path: Path) -> bool:
    rows = page.table.to_dict("records")
    best = frontier(page.latency_ms, {row["cell"]: row["mean"] for row in rows})
    points_of = [
        plots.Point(
            cell=row["cell"],
            latency_ms=row["clip_median"],
            latency_low=row["clip_low"],
            latency_high=row["clip_high"],
            score=100 * row["mean"],
            score_low=100 * (row["mean"] - row["delta"] + row["low"]),
            score_high=100 * (row["mean"] - row["delta"] + row["high"]),
            is_baseline=row["cell"] == page.record.baseline,
            on_frontier=row["cell"] in best,
        )
        for row in rows
    ]
    return plots.frontier(points_of, path)


def _draw_differences(page: Page, path: Path) -> bool:
    bars = [
        plots.Bar(
            name=row["cell"],
            mean=100 * row["delta"],
            low=100 * row["low"],
            high=100 * row["high"],
            low_all=100 * row["low_all"],
            high_all=100 * row["high_all"],
            verdict=row["verdict"],
        )
        for row in page.table.to_dict("records")
        if row["cell"] in page.study.against_baseline
    ]
    return plots.differences(bars, page.record.baseline, path)


def _draw_curves(page: Page, path: Path) -> bool:
    best = frontier(page.latency_ms, dict(zip(page.table["cell"], page.table["mean"], strict=True)))
    runs = tables.by_cell(page.record)
    panels = {
        label: {
            cell: [[(step, scale * value) for step, value in r.curves.get(name, ())] for r in found]
            for cell, found in runs.items()
        }
        for label, name, scale in (
            ("training loss", "train/loss", 1),
            ("mIoU on val (%)", "val/miou", 100),
        )
    }
    return plots.curves(panels, [page.record.baseline, *best], path)


def _factors(page: Page) -> str:
    found, together = page.effects, page.interactions
    if not found:
        return ""
    parts = [
        "## What each factor did",
        "Averaged over all pairs of cells that differ in this setting alone.",
        _listed([(_effect(e), len(e.pairs), e.compared) for e in found], "setting", "pairs"),
    ]
    parts += _factor_plots(page)
    if together:
        parts += [
            "Does one setting do more where another one has changed? The difference of the "
            "differences:",
            _listed([(_interaction(i), 1, i.compared) for i in together], "settings", None),
        ]
    return "\n\n".join(parts)


def _factor_plots(page: Page) -> list[str]:
    """A line plot for each factor that takes part in a pair of cells."""
    parts = []
    scores = {
        row["cell"]: (100 * row["mean"], 100 * row["std"]) for _, row in page.table.iterrows()
    }
    for place, (setting, values, lines) in enumerate(factor_lines(page.study), start=1):
        file = page.folder / f"factor-{place}.png"
        drawn = {
            name: [scores.get(cell or "", (math.nan, math.nan)) for cell in cells]
            for name, cells in lines.items()
        }
        if plots.factor(setting, [plain(value) for value in values], drawn, file):
            parts.append(f"![mIoU against {escape(setting)}]({file.name})")
    return parts


def _listed(rows: list[tuple[str, int, Compared]], first: str, second: str | None) -> str:
    table = pd.DataFrame(
        [{"name": name, "pairs": pairs, "compared": compared} for name, pairs, compared in rows]
    )
    columns: dict[str, Callable[[pd.Series], str]] = {first: lambda r: r["name"]}
    if second is not None:
        columns[second] = lambda r: str(r["pairs"])
    columns |= {
        "mIoU, points": lambda r: signed(100 * r["compared"].difference.mean),
        "95 % interval": lambda r: interval(
            *(100 * v for v in r["compared"].difference.interval())
        ),
        "verdict": lambda r: r["compared"].verdict,
    }
    return render(table, columns)


def _interval(compared: Compared) -> str:
    low, high = compared.difference.interval()
    return interval(100 * low, 100 * high)


def _effect(effect: Effect) -> str:
    return f"{escape(effect.setting)}: {shown(effect.value)} instead of {shown(effect.reference)}"


def _interaction(found: Interaction) -> str:
    (one, two), ((_, first), (_, second)) = found.settings, found.values
    return f"{escape(one)} {shown(first)} with {escape(two)} {shown(second)}"


def _classes(page: Page) -> str:
    table = tables.per_class(page.record)
    if table.columns.empty:
        return ""
    columns: dict[str, Callable[[pd.Series], str]] = {"cell": lambda r: escape(str(r.name))}
    columns |= {escape(name): partial(_class_iou, name) for name in table.columns}
    found = class_differences(page.study)
    parts = ["## IoU by class", render(table, columns), "Percent, mean over seeds."]
    if _draw_classes(page, found, page.folder / "classes.png"):
        parts.append("![IoU by class against the baseline](classes.png)")
    parts += _helped_and_hurt(found)
    return "\n\n".join(parts)


def _draw_classes(page: Page, found: Mapping[str, Mapping[str, Compared]], path: Path) -> bool:
    cells = list(found)[:MAX_MAPPED_CELLS]
    classes = list(dict.fromkeys(name for cell in cells for name in found[cell]))
    values = [
        [
            100 * found[cell][name].difference.mean if name in found[cell] else math.nan
            for name in classes
        ]
        for cell in cells
    ]
    marked = [
        [name in found[cell] and found[cell][name].verdict in (BETTER, WORSE) for name in classes]
        for cell in cells
    ]
    return plots.class_heat_map(cells, classes, values, marked, path)


def _class_iou(name: str, row: pd.Series) -> str:
    return percent(row[name], 1)


def _helped_and_hurt(found: Mapping[str, Mapping[str, Compared]]) -> list[str]:
    """A line for each cell in which a class is separable from the baseline's."""
    lines = []
    for cell, classes in found.items():
        said = [
            f"{word} {', '.join(f'{escape(n)} ({points(c)})' for n, c in hit.items())}"
            for word, verdict in (("helps", BETTER), ("hurts", WORSE))
            if (hit := {n: c for n, c in classes.items() if c.verdict == verdict})
        ]
        if said:
            lines.append(f"- {escape(cell)} {' and '.join(said)}")
    if not found:
        return []
    verdicts = {compared.verdict for classes in found.values() for compared in classes.values()}
    if verdicts == {NO_VERDICT}:
        return []  # too few seeds, as was said above
    if not lines:
        return ["No class of any cell is separable from the baseline's."]
    return ["Against the baseline, all classes and cells judged together:\n\n" + "\n".join(lines)]


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
    parts: list[str] = []
    without: list[str] = []
    folder = page.folder / PICTURES
    others = [cell for cell in page.record.cells if cell != page.record.baseline]
    for place, cell in enumerate(others[:MAX_PICTURED_CELLS], start=1):
        found = samples.choose(page.record, cell)
        if not found:
            without.append(escape(cell))
        for chosen in found:
            folder.mkdir(exist_ok=True)
            file = folder / f"{place}-{chosen.rank}.png"
            file.write_bytes(samples.picture(page.record, cell, chosen))
            gap = signed(100 * chosen.difference)
            title = f"{escape(cell)}, {chosen.rank} frame: {escape(chosen.frame)} ({gap} points)"
            parts += [f"**{title}**", f"![{title}]({PICTURES}/{file.name})"]
    if not parts:
        return ""
    rule = (
        "For each cell the frames with the best, the median and the worst difference from the "
        f"baseline, of the lowest seed that both have. In the last panel {samples.legend()}."
    )
    if without:
        parts.append(
            f"None of {_several(without)}: no seed shared with the baseline, or its predictions "
            "(samples.npz) are missing."
        )
    if len(others) > MAX_PICTURED_CELLS:
        parts.append(f"Only the first {MAX_PICTURED_CELLS} of {len(others)} cells are shown.")
    return "\n\n".join(["## Pictures", rule, *parts])


def _conditions(page: Page) -> str:
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


def _spec(page: Page) -> str:
    record = page.record
    if not record.source:
        return ""
    parts = ["## Repeat it"]
    if record.command:
        parts += ["Save this as `spec.yaml`, then", f"    {record.command}"]
    return "\n\n".join([*parts, f"````yaml\n{record.source.rstrip()}\n````"])


def _missing(page: Page) -> str:
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
        lines.append(f"- no latency, so not in its figure: {_several(unmeasured)}")
    lines += [
        f"- class {escape(name)}: in no label of {_several([escape(c) for c in cells])}"
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
    return _several([f"{escape(run.cell)}, seed {run.seed}" for run in runs], "; ")


def _several(names: Sequence[str], apart: str = ", ") -> str:
    more = len(names) - _NAMED
    return apart.join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


# In reading order; each returns Markdown, or nothing.
SECTIONS: list[Callable[[Page], str]] = [
    _heading,
    _answer,
    _accuracy,
    _plots,
    _factors,
    _classes,
    _pictures,
    _conditions,
    _missing,
    _spec,
]
