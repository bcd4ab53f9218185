"""The figure of accuracy against latency."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reports.figures.label_placement import Obstacles, place_labels
from reports.figures.palette import ACCENT, BASELINE, GREY, INK, PAPER
from reports.figures.style import (
    SMALL,
    THICK,
    THIN,
    Drawing,
    drawings,
    fix_layout,
    limit_reach,
    shorten_names,
)

MAX_LABELLED_POINTS = 25  # with more, only frontier and baseline are labelled
_SOLID, _THIN = 1.0, 0.25  # weights of covering a marker or bar, and of covering a thin line
_LOG_SPAN = 10  # latencies that differ by a larger factor are drawn on a logarithmic axis
_LEGEND = {
    (BASELINE, "s"): "baseline",
    (ACCENT, "o"): "on the frontier",
    (GREY, "o"): "no faster and no more accurate than another cell",
}
_KEYS_PER_ROW = 3
_MARKER = 9  # size, points
Line = Sequence[tuple[float, float]]  # corners in data units


@dataclass(frozen=True)
class Point:
    """A cell by latency (ms) and score (%), with the ends of its intervals; NaN if unknown.

    The score's interval is that of the difference from the baseline, moved to the cell's score:
    otherwise the error that all cells have in common, since they share the test set, would blur the
    comparison.

    Attributes:
        deviation: the standard deviation of the error of that difference.
        is_doubtful: whether the cell is on the frontier with a lead over the next faster cell that
            is not separable.
    """

    cell: str
    latency_ms: float
    latency_low: float
    latency_high: float
    score: float
    score_low: float
    score_high: float
    is_baseline: bool
    on_frontier: bool
    is_doubtful: bool = False
    deviation: float = math.nan

    @property
    def is_dominated(self) -> bool:
        """Whether the cell is neither the baseline nor on the frontier."""
        return not (self.on_frontier or self.is_baseline)


def draw_frontier(points: Sequence[Point], path: Path) -> bool:
    """Draw score against latency; a line joins the cells of the frontier, dominated cells are grey.

    Cells that may be on the frontier by chance are hollow.

    Args:
        points: the cells.
        path: path of the SVG.

    Returns:
        whether there was anything to draw.
    """
    points = [p for p in points if np.isfinite(p.latency_ms) and np.isfinite(p.score)]
    if not points:
        return False
    for drawing in drawings(path, height_inches=4.6):
        axes = drawing.figure.subplots()
        for point in sorted(points, key=lambda p: (p.on_frontier, p.is_baseline)):
            # With very many cells, the bars of all of them would hide the frontier.
            is_bare = len(points) > MAX_LABELLED_POINTS and point.is_dominated
            _draw_point(drawing, axes, _without_intervals(point) if is_bare else point)
        line = _frontier_line(points)
        axes.plot(*zip(*line, strict=True), color=ACCENT, linewidth=1, alpha=0.5, zorder=1)
        for point in points:
            if point.is_baseline:
                dashes = (0, (4, 3))
                axes.axhline(point.score, color=BASELINE, linewidth=0.8, linestyle=dashes, zorder=1)
        _set_axes(axes, points)
        _add_legend(drawing, points)
        _label_points(drawing, axes, points, line)
    return True


def _draw_point(drawing: Drawing, axes: Axes, point: Point) -> None:
    colour, marker = _colour_and_marker(point)
    x, y = point.latency_ms, point.score
    text = f"{point.cell}: {y:.2f} % mIoU at {x:.2f} ms"
    thin: dict[str, Any] = {"color": colour, "linewidth": THIN, "zorder": 2}
    if np.isfinite([point.score_low, point.score_high]).all():
        axes.plot([x, x], [point.score_low, point.score_high], **thin)
    if np.isfinite([point.latency_low, point.latency_high]).all():
        axes.plot([point.latency_low, point.latency_high], [y, y], **thin)
        text += f" ({point.latency_low:.2f} to {point.latency_high:.2f})"
    if np.isfinite(point.deviation):
        ends = [y - point.deviation, y + point.deviation]
        axes.plot([x, x], ends, color=colour, linewidth=THICK, solid_capstyle="butt", zorder=2)
    (mark,) = axes.plot(
        x, y, marker, color=colour, markersize=_MARKER, zorder=3,
        markerfacecolor=PAPER if point.is_doubtful else colour,
        markeredgecolor=colour if point.is_doubtful else PAPER,
    )  # fmt: skip
    drawing.add_title(mark, text)


def _without_intervals(point: Point) -> Point:
    nan = math.nan
    return replace(
        point, latency_low=nan, latency_high=nan, score_low=nan, score_high=nan, deviation=nan
    )


def _colour_and_marker(point: Point) -> tuple[str, str]:
    if point.is_baseline:
        return BASELINE, "s"
    return (ACCENT, "o") if point.on_frontier else (GREY, "o")


def _set_axes(axes: Axes, points: Sequence[Point]) -> None:
    latencies = [point.latency_ms for point in points]
    if max(latencies) > _LOG_SPAN * min(latencies):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.2)
    axes.set_xlim(left=max(0, axes.get_xlim()[0]))
    axes.set_ylim(*_score_limits(points))
    axes.set_xlabel("clip latency per prediction (ms)")
    axes.set_ylabel("mIoU (%)")


def _add_legend(drawing: Drawing, points: Sequence[Point]) -> None:
    """Explain the colours that occur, above the axes."""
    styles = {_colour_and_marker(point) for point in points}
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=7, label=meaning)
        for (colour, marker), meaning in _LEGEND.items()
        if (colour, marker) in styles
    ]
    if any(point.is_doubtful for point in points):
        handles.append(_hollow_handle())
    if sum(point.on_frontier for point in points) > 1:
        handles.append(Line2D([], [], color=ACCENT, alpha=0.5, linewidth=1, label="frontier"))
    drawing.figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=1 if drawing.is_narrow else min(len(handles), _KEYS_PER_ROW),
        fontsize=SMALL,
        frameon=False,
        handletextpad=0.4,
        columnspacing=1.4,
    )


def _hollow_handle() -> Line2D:
    label = "hollow: lead over the next faster cell not separable"
    handle = Line2D([], [], color=ACCENT, marker="o", linestyle="", markersize=7, label=label)
    handle.set_markerfacecolor(PAPER)
    return handle


def _frontier_line(points: Sequence[Point]) -> Line:
    """Return the corners of the steps along the frontier, the fastest cell first."""
    best = sorted((p for p in points if p.on_frontier), key=lambda p: p.latency_ms)
    corners = []
    for point, following in itertools.pairwise(best):
        corners += [(point.latency_ms, point.score), (following.latency_ms, point.score)]
    return [*corners, *((p.latency_ms, p.score) for p in best[-1:])]


def _score_limits(points: Sequence[Point]) -> tuple[float, float]:
    """Choose the limits of the score axis; very wide intervals are cut off."""
    scores = [point.score for point in points]
    bars = [p for p in points if np.isfinite([p.score_low, p.score_high]).all()]
    ends = [end for p in bars for end in (p.score_low, p.score_high)]
    half_widths = [(p.score_high - p.score_low) / 2 for p in bars]
    reach = max(1.5 * (max(scores) - min(scores)), limit_reach(half_widths), 0.5)
    low = max(min([*scores, *ends]), min(scores) - reach)
    high = min(max([*scores, *ends]), max(scores) + reach)
    margin = 0.12 * max(high - low, 0.5)
    return low - margin, high + margin


def _label_points(drawing: Drawing, axes: Axes, points: Sequence[Point], line: Line) -> None:
    """Write names next to points, covering as little as possible."""
    labelled_points = points
    if len(points) > MAX_LABELLED_POINTS:
        labelled_points = [point for point in points if not point.is_dominated]
        title = "only the frontier and the baseline are labelled"
        axes.set_title(title, fontsize=SMALL, loc="left", color=INK)
    short_names = shorten_names([point.cell for point in labelled_points], drawing.name_characters)
    renderer = fix_layout(drawing.figure)
    texts = [
        axes.text(
            0,
            0,
            short_names[p.cell],
            fontsize=SMALL,
            color=INK,
            va="bottom",
            transform=axes.transAxes,
        )
        for p in labelled_points
    ]
    extents = [text.get_window_extent(renderer) for text in texts]
    sizes = np.array([(extent.width + 4, extent.height + 2) for extent in extents])
    anchors = axes.transData.transform([(p.latency_ms, p.score) for p in labelled_points])
    _place_texts(axes, texts, anchors, sizes, _obstacles(axes, points, line))


def _place_texts(
    axes: Axes, texts: Sequence[Text], anchors: np.ndarray, sizes: np.ndarray, obstacles: Obstacles
) -> None:
    """Move each text next to its anchor; a thin line joins the two if they are far apart."""
    box = axes.bbox
    bounds = (box.x0 + 2, box.y0 + 2, box.x1 - 2, box.y1 - 2)
    placements = place_labels(anchors, sizes, obstacles, bounds)
    to_axes = axes.transAxes.inverted()
    for text, anchor, placement in zip(texts, anchors, placements, strict=True):
        left, bottom, _, _ = placement.box
        text.set_position(tuple(to_axes.transform((left + 2, bottom + 1))))
        if placement.leader is not None:
            x, y = to_axes.transform([anchor, placement.leader]).T
            axes.plot(x, y, color=GREY, linewidth=0.7, transform=axes.transAxes, zorder=2)


def _obstacles(axes: Axes, points: Sequence[Point], line: Line) -> Obstacles:
    """Return the markers, the error bars and the lines of frontier and baseline, in pixels."""
    solid = [box for point in points for box in _marker_and_bars(axes, point)]
    thin = []
    for ends in itertools.pairwise(line):
        (x0, y0), (x1, y1) = axes.transData.transform(ends)
        thin.append((min(x0, x1) - 3, min(y0, y1) - 3, max(x0, x1) + 3, max(y0, y1) + 3))
    for point in points:
        if point.is_baseline:
            y = axes.transData.transform((point.latency_ms, point.score))[1]
            thin.append((axes.bbox.x0, y - 3, axes.bbox.x1, y + 3))
    weights = [_SOLID] * len(solid) + [_THIN] * len(thin)
    return Obstacles(np.array([*solid, *thin]), np.array(weights))


def _marker_and_bars(axes: Axes, point: Point) -> list[tuple[float, float, float, float]]:
    """Return the boxes of a marker and its error bars: left, bottom, right, top in pixels."""
    pixels = axes.transData.transform
    x, y = pixels((point.latency_ms, point.score))
    boxes = [(x - 10, y - 10, x + 10, y + 10)]
    scores, latencies = (
        (point.score_low, point.score_high),
        (point.latency_low, point.latency_high),
    )
    if np.isfinite(scores).all():
        bottom, top = (pixels((point.latency_ms, score))[1] for score in scores)
        boxes.append((x - 4, bottom, x + 4, top))
    if np.isfinite(latencies).all():
        left, right = (pixels((latency, point.score))[0] for latency in latencies)
        boxes.append((left, y - 4, right, y + 4))
    return boxes
