"""The figure of accuracy against latency."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reports.figures.label_placement import Obstacles, place
from reports.figures.style import (
    BASELINE,
    GREY,
    INK,
    NAME_CHARACTERS,
    OTHER,
    SMALL,
    drawing,
    laid_out,
    readable_reach,
    short_names,
)

LABELLED = 25  # points: beyond, only those of the frontier and the baseline are named
_SOLID, _THIN = 1.0, 0.25  # how bad it is that a label covers a marker or bar, or a thin line
_LOG_SPAN = 10  # latencies that differ by more are drawn on a logarithmic axis


@dataclass(frozen=True)
class Point:
    """A cell between latency (ms) and score (%), with the ends of its intervals; NaN if unknown.

    The score's interval is that of the difference from the baseline, set around the cell's score:
    how far cells may be off together (the test set is the same) does not blur the comparison.
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


def draw_frontier(points: Sequence[Point], path: Path) -> bool:
    """Score against latency: what nothing beats in both is joined by a line, the rest is grey.

    Returns:
        whether there was anything to draw.
    """
    known = [p for p in points if np.isfinite(p.latency_ms) and np.isfinite(p.score)]
    if not known:
        return False
    with drawing(path, height_inches=4.6) as figure:
        axes = figure.subplots()
        for point in sorted(known, key=lambda p: (p.on_frontier, p.is_baseline)):
            # Of very many cells, bars of all would hide what they are about.
            bars = len(known) <= LABELLED or point.on_frontier or point.is_baseline
            _draw_point(axes, point if bars else _bare(point))
        line = _frontier_line(known)
        axes.plot(*zip(*line, strict=True), color=OTHER, linewidth=1, alpha=0.5, zorder=1)
        base = next((p.score for p in known if p.is_baseline), math.nan)
        if np.isfinite(base):
            axes.axhline(base, color=BASELINE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        latencies = [p.latency_ms for p in known]
        if max(latencies) > _LOG_SPAN * min(latencies):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.2)
        axes.set_ylim(*_score_limits(known))
        axes.set_xlabel("latency of one prediction, whole clip (ms): median, its 95 % interval")
        axes.set_ylabel("mIoU (%); bars: 95 % interval\nof the difference from the baseline")
        _add_key(figure, known)
        _label(figure, axes, known, line)
    return True


def _draw_point(axes: Axes, point: Point) -> None:
    colour, marker = _look(point)
    y_ends, x_ends = (
        np.array([[middle - low], [high - middle]])
        for low, middle, high in (
            (point.score_low, point.score, point.score_high),
            (point.latency_low, point.latency_ms, point.latency_high),
        )
    )
    axes.errorbar(
        point.latency_ms,
        point.score,
        yerr=None if np.isnan(y_ends).any() else np.maximum(y_ends, 0),
        xerr=None if np.isnan(x_ends).any() else np.maximum(x_ends, 0),
        fmt=marker,
        markersize=6,
        capsize=2.5,
        elinewidth=1,
        color=colour,
        zorder=3,
    )


def _bare(point: Point) -> Point:
    """The point without its intervals."""
    nan = math.nan
    return replace(point, latency_low=nan, latency_high=nan, score_low=nan, score_high=nan)


def _look(point: Point) -> tuple[str, str]:
    """Colour and marker."""
    if point.is_baseline:
        return BASELINE, "s"
    return (OTHER, "o") if point.on_frontier else (GREY, "o")


def _add_key(figure: Figure, points: Sequence[Point]) -> None:
    """What colours mean, above the axes: for those that occur."""
    said = {
        (BASELINE, "s"): "baseline",
        (OTHER, "o"): "on the frontier",
        (GREY, "o"): "another cell is faster and scores higher",
    }
    looks = {_look(point) for point in points}
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=6, label=text)
        for (colour, marker), text in said.items()
        if (colour, marker) in looks
    ]
    if sum(point.on_frontier for point in points) > 1:
        handles.append(Line2D([], [], color=OTHER, alpha=0.5, linewidth=1, label="frontier"))
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=len(handles),
        fontsize=SMALL,
        frameon=False,
        handletextpad=0.4,
        columnspacing=1.4,
    )


def _frontier_line(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Corners of the steps from one cell of the frontier to the next, the fastest first."""
    best = sorted((p for p in points if p.on_frontier), key=lambda p: p.latency_ms)
    corners = []
    for point, following in itertools.pairwise(best):
        corners += [(point.latency_ms, point.score), (following.latency_ms, point.score)]
    return [*corners, *((p.latency_ms, p.score) for p in best[-1:])]


def _score_limits(points: Sequence[Point]) -> tuple[float, float]:
    """Of the axis: very uncertain intervals would shrink the differences to nothing."""
    scores = [point.score for point in points]
    bars = [p for p in points if np.isfinite([p.score_low, p.score_high]).all()]
    ends = [end for p in bars for end in (p.score_low, p.score_high)]
    half_widths = [(p.score_high - p.score_low) / 2 for p in bars]
    reach = max(1.5 * (max(scores) - min(scores)), readable_reach(half_widths), 0.5)
    low = max(min([*scores, *ends]), min(scores) - reach)
    high = min(max([*scores, *ends]), max(scores) + reach)
    margin = 0.12 * max(high - low, 0.5)
    return low - margin, high + margin


def _label(
    figure: Figure, axes: Axes, points: Sequence[Point], line: Sequence[tuple[float, float]]
) -> None:
    """Names beside points, where they cover nothing."""
    named = points
    if len(points) > LABELLED:
        named = [p for p in points if p.on_frontier or p.is_baseline]
        axes.set_title(
            "named: the frontier and the baseline", fontsize=SMALL, loc="left", color=INK
        )
    short = short_names([p.cell for p in named], NAME_CHARACTERS)
    renderer = laid_out(figure)
    anchors = axes.transData.transform([(p.latency_ms, p.score) for p in named])
    texts = [
        axes.text(
            0, 0, short[p.cell], fontsize=SMALL, color=INK, va="bottom", transform=axes.transAxes
        )
        for p in named
    ]
    extents = [text.get_window_extent(renderer) for text in texts]
    sizes = np.array([(extent.width + 4, extent.height + 2) for extent in extents])
    box = axes.bbox
    bounds = (box.x0 + 2, box.y0 + 2, box.x1 - 2, box.y1 - 2)
    found = place(anchors, sizes, _obstacles(axes, points, line), bounds)
    back = axes.transAxes.inverted()
    for text, anchor, placed in zip(texts, anchors, found, strict=True):
        left, bottom, _, _ = placed.box
        text.set_position(tuple(back.transform((left + 2, bottom + 1))))
        if placed.leader is not None:
            ends = back.transform([anchor, placed.leader])
            axes.plot(
                ends[:, 0],
                ends[:, 1],
                color=GREY,
                linewidth=0.7,
                transform=axes.transAxes,
                zorder=2,
            )


def _obstacles(
    axes: Axes, points: Sequence[Point], line: Sequence[tuple[float, float]]
) -> Obstacles:
    """Markers, error bars and the lines of frontier and baseline, in pixels."""
    pixels = axes.transData.transform
    boxes, weights = [], []
    for point in points:
        x, y = pixels((point.latency_ms, point.score))
        boxes.append((x - 8, y - 8, x + 8, y + 8))
        if np.isfinite([point.score_low, point.score_high]).all():
            bottom, top = (
                pixels((point.latency_ms, s))[1] for s in (point.score_low, point.score_high)
            )
            boxes.append((x - 4, bottom, x + 4, top))
        if np.isfinite([point.latency_low, point.latency_high]).all():
            left, right = (
                pixels((ms, point.score))[0] for ms in (point.latency_low, point.latency_high)
            )
            boxes.append((left, y - 4, right, y + 4))
    weights += [_SOLID] * len(boxes)
    for ends in itertools.pairwise(line):
        (x0, y0), (x1, y1) = pixels(ends)
        boxes.append((min(x0, x1) - 3, min(y0, y1) - 3, max(x0, x1) + 3, max(y0, y1) + 3))
        weights.append(_THIN)
    for point in points:
        if point.is_baseline:
            y = pixels((point.latency_ms, point.score))[1]
            boxes.append((axes.bbox.x0, y - 3, axes.bbox.x1, y + 3))
            weights.append(_THIN)
    return Obstacles(np.array(boxes), np.array(weights))
