"""The figures of the main table."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from reports.analysis.frontier import compare_neighbours
from reports.analysis.overview import CellRow, group_by_cell
from reports.analysis.verdict import is_separable
from reports.figures.curves import draw_curves
from reports.figures.differences import Bar, draw_differences
from reports.figures.frontier import Point, draw_frontier
from reports.text.busy import find_latency_signs
from reports.text.format import MISSING, cover_test_set_only, name_interval, show_figure
from reports.text.page import Page
from reports.text.table.cell_texts import write_interval


class _Plot(NamedTuple):
    title: str
    draw: Callable[[Page, Path], bool]
    caption: Callable[[Page], str]


def write_plots(page: Page) -> str:
    """Draw the figures of the main table, and show those that are not empty."""
    return "\n\n".join(
        show_figure(file, plot.title, plot.caption(page))
        for file, plot in _PLOTS.items()
        if plot.draw(page, page.folder / file)
    )


def _draw_frontier(page: Page, path: Path) -> bool:
    points = []
    doubtful_cells = {
        slower
        for slower, _, comparison in compare_neighbours(page.study, page.frontier)
        if not is_separable(comparison.verdict)
    }
    for row in page.rows:
        score, (low, high, deviation) = row.verdict_row.score, _bars(row)
        points.append(
            Point(
                cell=row.cell,
                latency_ms=row.clip.median_ms,
                latency_low=row.clip.low_ms,
                latency_high=row.clip.high_ms,
                score=100 * score,
                score_low=100 * score - 100 * row.difference + low,
                score_high=100 * score - 100 * row.difference + high,
                is_baseline=row.is_baseline,
                on_frontier=row.cell in page.frontier,
                is_doubtful=row.cell in doubtful_cells,
                deviation=deviation,
            )
        )
    return draw_frontier(points, path)


def _draw_differences(page: Page, path: Path) -> bool:
    bars = []
    for row in page.rows:
        if not row.is_baseline:
            low, high, deviation = _bars(row)
            verdict = row.verdict_row.verdict
            bars.append(Bar(row.cell, 100 * row.difference, low, high, verdict, deviation))
    return draw_differences(bars, page.record.baseline, path)


def _bars(row: CellRow) -> tuple[float, float, float]:
    """Return the ends of a row's interval and its deviation, in points; NaN if unknown."""
    if write_interval(row) == MISSING:
        return math.nan, math.nan, math.nan
    low, high = row.interval
    return 100 * low, 100 * high, 100 * row.verdict_row.deviation


def _explain_frontier(page: Page) -> str:
    scope = ", test set only" if cover_test_set_only(page.rows) else ""
    remark = ", measured on a busy machine" if find_latency_signs(page.record) else ""
    return (
        "Every cell by latency and mIoU. Vertical bars are of its difference from the "
        f"baseline{scope}: thin for the {name_interval(page.rows)}, thick for one standard "
        f"deviation to either side. Horizontal bars: 95 % interval of the latency{remark}."
    )


def _explain_differences(page: Page) -> str:
    scope = "for all cells at once"
    if cover_test_set_only(page.rows):
        scope = "of each cell alone, test set only"
    return (
        f"Thin bars: {name_interval(page.rows)}s {scope}; very wide ones are cut off. Thick bars: "
        "one standard deviation to either side."
    )


def _draw_curves(page: Page, path: Path) -> bool:
    panels = {
        label: {
            cell: [[(step, scale * value) for step, value in r.curves.get(name, ())] for r in runs]
            for cell, runs in group_by_cell(page.record).items()
        }
        for label, name, scale in (
            ("training loss", "train/loss", 1),
            ("val mIoU (%)", "val/miou", 100),
        )
    }
    return draw_curves(panels, [page.record.baseline, *page.frontier], path)


_PLOTS = {
    "accuracy_latency.svg": _Plot(
        "mIoU against latency, by cell", _draw_frontier, _explain_frontier
    ),
    "differences.svg": _Plot(
        "differences from the baseline, with intervals", _draw_differences, _explain_differences
    ),
    "curves.svg": _Plot(
        "loss and mIoU over training, by cell",
        _draw_curves,
        lambda page: "Thick lines: mean over the seeds of a cell. Thin lines: single seeds.",
    ),
}
