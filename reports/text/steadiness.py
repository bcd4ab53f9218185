"""The section on how steady predictions are over time, and on the boundaries of classes."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from reports.analysis.comparison import Comparison
from reports.analysis.statistics import summarise
from reports.analysis.study import Study
from reports.analysis.verdict import is_better
from reports.figures.differences import Bar
from reports.figures.steadiness import MAX_CELLS, draw_panels
from reports.metrics import Metric, get_metric
from reports.text.format import (
    MISSING,
    difference_interval,
    escape,
    level,
    markdown_table,
    percent,
    show_figure,
    signed,
    spread,
)
from reports.text.page import Page
from reports.text.sentences import bold

_FIGURE = "steadiness.svg"
Studies = Mapping[str, Study]  # metric -> its comparisons


class _Row(NamedTuple):
    cell: str
    metric: Metric
    comparison: Comparison


def write_steadiness(page: Page) -> str:
    """Write the means of all cells, the figure of their differences and, folded, the verdicts."""
    studies = page.steadiness
    if not studies:
        return ""
    parts = [
        "## Steadiness over time",
        _table_of_means(page, studies),
        _explain(studies),
        _draw(page, studies),
        _table_of_verdicts(studies),
    ]
    return "\n\n".join(part for part in parts if part)


def describe_steadiest(page: Page) -> str:
    """Say how much less the steadiest cell flickers than the baseline; "" if that is not clear."""
    study = page.steadiness.get("flicker")
    if study is None or not study.ranked:
        return ""
    comparison = study.against_baseline.get(study.ranked[0])
    if comparison is None or not is_better(comparison.verdict):
        return ""
    return (
        f"{bold(study.ranked[0])} flickers least, "
        f"{percent(abs(comparison.difference.mean))} points less than the baseline, "
        f"{bold(study.record.baseline)}."
    )


def _table_of_means(page: Page, studies: Studies) -> str:
    columns: dict[str, Callable[[str], str]] = {"cell": partial(_name, page)}
    for name, study in studies.items():
        metric = get_metric(name)
        columns[f"{metric.title}, {metric.unit} ({metric.direction})"] = partial(_score, study)
    return markdown_table([row.cell for row in page.rows], columns)


def _name(page: Page, cell: str) -> str:
    return f"{bold(cell)} (baseline)" if cell == page.record.baseline else escape(cell)


def _score(study: Study, cell: str) -> str:
    summary = summarise(run.metrics.get(study.metric) for run in study.runs(cell).values())
    return spread(summary.mean, summary.std, summary.n)


def _explain(studies: Studies) -> str:
    """Say what each metric is, and why the temporal ones are missing where they are."""
    metrics = [get_metric(name) for name in studies]
    text = "Means ± s.d. over seeds. " + " ".join(
        f"{metric.title[0].upper()}{metric.title[1:]}: {metric.meaning}." for metric in metrics
    )
    if "flicker" not in studies:
        text += " The scored frames are too far apart to measure flicker and consistency."
    return text


def _draw(page: Page, studies: Studies) -> str:
    panels = {}
    for name, study in studies.items():
        metric = get_metric(name)
        bars = [_bar(cell, each) for cell, each in study.against_baseline.items()]
        panels[f"{metric.title} ({metric.direction})"] = bars
    if not draw_panels(panels, page.folder / _FIGURE):
        return ""
    first = f", the first {MAX_CELLS} cells" if len(page.rows) > MAX_CELLS + 1 else ""
    caption = (
        f"Differences from {escape(page.record.baseline)}{first}. Thin bars: intervals, as in the "
        "table below; thick bars: one standard deviation to either side. Triangles have a verdict."
    )
    return show_figure(_FIGURE, "steadiness, compared with the baseline", caption)


def _bar(cell: str, comparison: Comparison) -> Bar:
    difference, verdict = comparison.difference, comparison.verdict
    mean = 100 * difference.mean
    if difference_interval(difference) == MISSING:
        return Bar(cell, mean, math.nan, math.nan, verdict)
    low, high, deviation = (
        100 * value for value in (difference.low, difference.high, difference.deviation)
    )
    return Bar(cell, mean, low, high, verdict, deviation)


def _table_of_verdicts(studies: Studies) -> str:
    rows = [
        _Row(cell, get_metric(name), comparison)
        for name, study in studies.items()
        for cell, comparison in study.against_baseline.items()
    ]
    if not rows:
        return ""
    confidence = level(rows[0].comparison.difference.confidence)
    columns: dict[str, Callable[[_Row], str]] = {
        "cell": lambda row: escape(row.cell),
        "metric": lambda row: row.metric.title,
        "difference, points": lambda row: signed(100 * row.comparison.difference.mean),
        f"{confidence} interval": lambda row: difference_interval(row.comparison.difference),
        "verdict": lambda row: row.comparison.verdict,
    }
    note = (
        "The intervals of one metric hold for all cells at once; they account for the choice of "
        "seeds, not for that of the test set."
    )
    return f"### Differences in steadiness\n\n{markdown_table(rows, columns)}\n\n{note}"
