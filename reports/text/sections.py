"""The sections of a report in reading order, and those that speak of the experiment as a whole."""

from collections.abc import Callable
from pathlib import Path

from reports.analysis.overview import group_by_cell
from reports.analysis.statistics import SEEDS_FOR_A_VERDICT
from reports.analysis.study import Study
from reports.figures.curves import draw_curves
from reports.figures.differences import Bar, draw_differences
from reports.figures.frontier import Point, draw_frontier
from reports.records import ExperimentRecord
from reports.text.classes import classes
from reports.text.columns import report_columns
from reports.text.conditions import conditions, repeating
from reports.text.factors import factors
from reports.text.format import escape, markdown_table
from reports.text.gaps import missing
from reports.text.page import Page
from reports.text.pictures import pictures
from reports.text.summary import answer


def heading(page: Page) -> str:
    """Write the title, the description and how many trials have finished."""
    record = page.record
    counts = f"{len(record.finished)} of {len(record.runs)} trials finished"
    if len(record.finished) < len(record.runs):
        counts = f'**{counts}**, the others are named under "What is missing"'
    lines = [f"# {escape(record.name)}", escape(record.description)]
    lines.append(f"{counts}, {len(record.cells)} cells.")
    return "\n\n".join(line for line in lines if line)


def summary(page: Page) -> str:
    """Write the answer in a few sentences."""
    return "## Answer\n\n" + " ".join(
        answer(page.study, page.effects, page.interactions, page.latency_ms)
    )


def accuracy(page: Page) -> str:
    """Write the main table and how to read it."""
    parts = (
        "## Accuracy against latency",
        markdown_table(page.rows, report_columns(page.rows)),
        _reading(page),
        _selection_note(page.record),
    )
    return "\n\n".join(part for part in parts if part)


def _reading(page: Page) -> str:
    """Explain the columns of the main table."""
    sentences = [
        f"Differences are from **{escape(page.record.baseline)}**, over the seeds that both have.",
        _coverage(page.study),
        "Training time counts optimiser steps only, the first ones after each start left out, as "
        "D-HH:MM:SS, mean over seeds.",
    ]
    if any(row.clip.median_ms == row.clip.median_ms for row in page.rows):
        sentences.append(
            "Latency is measured alone, all cells in turn: `clip` encodes every frame for each "
            "prediction, `streaming` only the new one; ratios to the baseline are medians over "
            "rounds, with their 95 % interval."
        )
    return " ".join(sentence for sentence in sentences if sentence)


def _coverage(study: Study) -> str:
    """Say which variation the intervals account for, and what a verdict takes."""
    covers = sorted({c.difference.covers for c in study.against_baseline.values()}, key=str)
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


def _selection_note(record: ExperimentRecord) -> str:
    cells = sorted({r.cell for r in record.finished if r.settings.get("select") == "best_val"})
    if not cells:
        return ""
    names = ", ".join(escape(cell) for cell in cells)
    return f"**Selected on validation** (the step with the best val mIoU was scored): {names}."


def plots(page: Page) -> str:
    """Draw the figures of the main table, and show those that there is something to draw for."""
    figures = {
        "accuracy_latency.png": ("mIoU against latency of each cell", _draw_frontier),
        "differences.png": ("differences from the baseline, with intervals", _draw_differences),
        "curves.png": ("loss and mIoU over training, by cell", _draw_curves),
    }
    return "\n\n".join(
        f"![{title}]({file})"
        for file, (title, draw) in figures.items()
        if draw(page, page.folder / file)
    )


def _draw_frontier(page: Page, path: Path) -> bool:
    points = []
    for row in page.rows:
        low, high = row.interval
        points.append(
            Point(
                cell=row.cell,
                latency_ms=row.clip.median_ms,
                latency_low=row.clip.low_ms,
                latency_high=row.clip.high_ms,
                score=100 * row.score.mean,
                score_low=100 * (row.score.mean - row.difference + low),
                score_high=100 * (row.score.mean - row.difference + high),
                is_baseline=row.is_baseline,
                on_frontier=row.cell in page.frontier,
            )
        )
    return draw_frontier(points, path)


def _draw_differences(page: Page, path: Path) -> bool:
    bars = []
    for row in page.rows:
        if row.comparison is not None:
            ends = (*row.interval, *row.simultaneous_interval)
            low, high, low_all, high_all = (100 * end for end in ends)
            bars.append(
                Bar(
                    row.cell, 100 * row.difference, low, high, low_all, high_all,
                    row.comparison.verdict,
                )
            )  # fmt: skip
    return draw_differences(bars, page.record.baseline, path)


def _draw_curves(page: Page, path: Path) -> bool:
    panels = {
        label: {
            cell: [[(step, scale * value) for step, value in r.curves.get(name, ())] for r in runs]
            for cell, runs in group_by_cell(page.record).items()
        }
        for label, name, scale in (
            ("training loss", "train/loss", 1),
            ("mIoU on val (%)", "val/miou", 100),
        )
    }
    return draw_curves(panels, [page.record.baseline, *page.frontier], path)


# In reading order; each returns Markdown, or nothing.
SECTIONS: list[Callable[[Page], str]] = [
    heading,
    summary,
    accuracy,
    plots,
    factors,
    classes,
    pictures,
    conditions,
    missing,
    repeating,
]
