"""The sections of a report, in reading order: numbers in, Markdown out."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from reports.analysis import overview as tables
from reports.analysis.factors import Effect, Interaction, factor_lines
from reports.analysis.overview import (
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
from reports.analysis.statistics import BETTER, NO_VERDICT, SEEDS_FOR_A_VERDICT, WORSE
from reports.analysis.study import Compared, Study, class_differences, frontier
from reports.figures import frames as samples
from reports.figures.class_heat_map import draw_class_heat_map
from reports.figures.curves import draw_curves
from reports.figures.differences import Bar, draw_differences
from reports.figures.factor import draw_factor
from reports.figures.frontier import Point, draw_frontier
from reports.records import ExperimentRecord
from reports.text.conditions import conditions, missing, repeating
from reports.text.page import MAX_PICTURED_CELLS, PICTURES, PICTURES_TEXT, Page, several
from reports.text.summary import answer, plain, points, shown

MAX_MAPPED_CELLS = 40  # of the heat map


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
        Point(
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
    return draw_frontier(points_of, path)


def _draw_differences(page: Page, path: Path) -> bool:
    bars = [
        Bar(
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
    return draw_differences(bars, page.record.baseline, path)


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
    return draw_curves(panels, [page.record.baseline, *best], path)


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
        if draw_factor(setting, [plain(value) for value in values], drawn, file):
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
    return draw_class_heat_map(cells, classes, values, marked, path)


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
            f"None of {several(without)}: no seed shared with the baseline, or its predictions "
            "(samples.npz) are missing."
        )
    if len(others) > MAX_PICTURED_CELLS:
        parts.append(f"Only the first {MAX_PICTURED_CELLS} of {len(others)} cells are shown.")
    return "\n\n".join(["## Pictures", rule, *parts])


# In reading order; each returns Markdown, or nothing.
SECTIONS: list[Callable[[Page], str]] = [
    _heading,
    _answer,
    _accuracy,
    _plots,
    _factors,
    _classes,
    _pictures,
    conditions,
    missing,
    repeating,
]
