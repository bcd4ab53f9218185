"""The figures of a report, each drawn from plain numbers into a PNG."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reports.analysis.statistics import BETTER, WORSE
from reports.figures.label_placement import Obstacles, place
from reports.figures.style import (
    BASELINE,
    GREY,
    INK,
    OTHER,
    SMALL,
    drawing,
    label_ends,
    laid_out,
    leave_room,
    series_colours,
    short_names,
    spread_ends,
)

NAME_CHARACTERS = 34
LABELLED = 25  # points: beyond, only those of the frontier and the baseline are named
BARS = 60  # beyond, only the largest and the smallest differences are drawn
COLOURED = 10  # curves: beyond, only the cells named first have a colour
_SOLID, _THIN = 1.0, 0.25  # how bad it is that a label covers a marker or bar, or a thin line
_LOG_SPAN = 10  # latencies that differ by more are drawn on a logarithmic axis
_CUT = 2.5  # times as long as is usual in a figure: intervals are cut off there
_DIVERGED = 200  # losses that differ by more are drawn on a logarithmic axis
_VERDICTS = {BETTER: ("#1d4ed8", "^"), WORSE: ("#c2410c", "v")}


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


@dataclass(frozen=True)
class Bar:
    """A difference from the baseline in points, with its plain and its simultaneous interval."""

    name: str
    mean: float
    low: float
    high: float
    low_all: float
    high_all: float
    verdict: str


def frontier(points: Sequence[Point], path: Path) -> bool:
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
    usual = _usual([(p.score_high - p.score_low) / 2 for p in bars])
    reach = max(1.5 * (max(scores) - min(scores)), _CUT * usual, 0.5)
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


def differences(bars: Sequence[Bar], baseline: str, path: Path) -> bool:
    """Differences from the baseline with their intervals: thick for one, thin for all at once."""
    known = [bar for bar in bars if np.isfinite(bar.mean)]
    if not known:
        return False
    every, known = known, _outermost(known)
    short = short_names([*(bar.name for bar in known), baseline], NAME_CHARACTERS)
    with drawing(path, height_inches=1.1 + 0.3 * len(known)) as figure:
        axes = figure.subplots()
        for height, bar in enumerate(known):
            colour, marker = _VERDICTS.get(bar.verdict, (GREY, "o"))
            if np.isfinite(bar.low):
                axes.plot([bar.low_all, bar.high_all], [height] * 2, color=colour, linewidth=1)
                axes.plot([bar.low, bar.high], [height] * 2, color=colour, linewidth=3.5, alpha=0.6)
            axes.plot(bar.mean, height, marker, color=colour, markersize=6, markeredgecolor="white")
        axes.axvline(0, color=BASELINE, linewidth=1)
        names = [short[bar.name] for bar in known]
        axes.set_yticks(range(len(known)), names)
        right = axes.secondary_yaxis("right")
        right.set_yticks(range(len(known)), [f"{bar.mean:+.2f}  {bar.verdict}" for bar in known])
        right.tick_params(length=0)
        right.spines["right"].set_visible(False)
        axes.set_ylim(len(known) - 0.4, -0.6)
        axes.set_xlim(*_limits(known))
        axes.grid(axis="y", visible=False)
        if len(every) > len(known):
            axes.set_title(
                f"the {BARS // 2} largest and {BARS // 2} smallest of {len(every)} differences",
                fontsize=SMALL,
                loc="left",
                color=INK,
            )
        axes.set_xlabel(
            f"mIoU (points) against {short[baseline]}\n95 % intervals, cut off if far out"
        )
    return True


def _outermost(bars: Sequence[Bar]) -> list[Bar]:
    """The largest and the smallest differences, if there are too many for one figure."""
    if len(bars) <= BARS:
        return list(bars)
    ranked = sorted(range(len(bars)), key=lambda place: bars[place].mean)
    return [bars[place] for place in sorted([*ranked[: BARS // 2], *ranked[-BARS // 2 :]])]


def _limits(bars: Sequence[Bar]) -> tuple[float, float]:
    """Of the axis: very uncertain intervals would shrink the differences to nothing."""
    largest = max(abs(bar.mean) for bar in bars)
    ends = [end for b in bars for end in (b.low_all, b.high_all) if np.isfinite(end)]
    usual = _usual([abs(end) for b in bars for end in (b.low, b.high) if np.isfinite(end)])
    reach = max(3 * largest, _CUT * usual, 0.5)
    low, high = max(min([0.0, *ends]), -reach), min(max([0.0, *ends]), reach)
    low, high = min(low, *(bar.mean for bar in bars), 0), max(high, *(bar.mean for bar in bars), 0)
    margin = 0.05 * max(high - low, 0.1)
    return low - margin, high + margin


def _usual(lengths: Sequence[float]) -> float:
    """The lower median; 0 of nothing."""
    return float(np.percentile(lengths, 50, method="lower")) if lengths else 0.0


def curves(
    panels: Mapping[str, Mapping[str, Sequence[Sequence[tuple[int, float]]]]],
    first: Sequence[str],
    path: Path,
) -> bool:
    """Curves over training: seeds as thin lines, their mean bold.

    Args:
        panels: axis label -> cell -> one list of (step, value) points a seed.
        first: the cells that have a colour if there are more than ten.
        path: of the PNG.
    """
    drawn = {label: cells for label, cells in panels.items() if any(map(any, cells.values()))}
    if not drawn:
        return False
    cells = list(dict.fromkeys(cell for found in drawn.values() for cell in found))
    coloured = cells if len(cells) <= COLOURED else [cell for cell in cells if cell in first]
    colour = dict(zip(coloured, series_colours(len(coloured)), strict=True))
    short = short_names(coloured, 24, 40)
    with drawing(path, height_inches=3.0 * len(drawn)) as figure:
        every = figure.subplots(len(drawn), squeeze=False, sharex=True)[:, 0]
        ends = []
        for axes, (label, found) in zip(every, drawn.items(), strict=True):
            ends.append(_draw_curves(axes, found, colour, short))
            axes.set_ylabel(label)
            if _spans_orders(found):
                axes.set_yscale("log")
        every[-1].set_xlabel("step")
        leave_room(figure, [text for texts in ends for text in texts])
        renderer = laid_out(figure)
        for axes, texts in zip(every, ends, strict=True):
            spread_ends(axes, texts, renderer)
    return True


def _spans_orders(cells: Mapping[str, Sequence[Sequence[tuple[int, float]]]]) -> bool:
    """Whether one curve would press all others flat: a loss that has diverged."""
    values = np.array([v for seeds in cells.values() for run in seeds for _, v in run])
    values = values[np.isfinite(values)]
    return len(values) > 0 and values.min() > 0 and values.max() > _DIVERGED * values.min()


def _draw_curves(
    axes: Axes,
    cells: Mapping[str, Sequence[Sequence[tuple[int, float]]]],
    colour: Mapping[str, str],
    short: Mapping[str, str],
) -> list[Text]:
    labels: list[tuple[str, float, str]] = []
    for cell, seeds in cells.items():
        known = [dict(points) for points in seeds if points]
        shown = colour.get(cell, GREY)
        for points in known if cell in colour else ():  # of the others their mean is enough
            axes.plot(list(points), list(points.values()), color=shown, linewidth=0.6, alpha=0.45)
        steps = sorted(set.intersection(*(set(points) for points in known))) if known else []
        means = [float(np.mean([points[step] for points in known])) for step in steps]
        # A mean over few shared steps would be a line that no seed took.
        if means and 2 * len(steps) >= max(map(len, known)):
            axes.plot(steps, means, color=shown, linewidth=2 if cell in colour else 1, zorder=3)
            if cell in colour:
                labels.append((short[cell], means[-1], shown))
    return label_ends(axes, labels)


def factor(
    setting: str,
    values: Sequence[str],
    lines: Mapping[str, Sequence[tuple[float, float]]],
    path: Path,
) -> bool:
    """Score (%) against the values of a setting, one line for each combination of the others.

    Args:
        setting: the factor.
        values: as they are shown, in order.
        lines: name -> (mean, standard deviation) for each value, NaN where there is no such cell.
        path: of the PNG.
    """
    known = {
        name: points
        for name, points in lines.items()
        if np.isfinite([m for m, _ in points]).sum() > 1
    }
    if not known:
        return False
    many = len(known) > COLOURED
    with drawing(path, height_inches=3.2, width_inches=6) as figure:
        axes = figure.subplots()
        labels = []
        short = short_names(known, 24, 40)
        colours = [GREY] * len(known) if many else series_colours(len(known))
        for colour, (name, points) in zip(colours, known.items(), strict=True):
            there = [(x, m, s) for x, (m, s) in enumerate(points) if np.isfinite(m)]
            places, means, spreads = zip(*there, strict=True)
            if many:
                axes.plot(places, means, color=colour, linewidth=0.6)
                continue
            axes.errorbar(
                places, means, yerr=np.nan_to_num(spreads), color=colour, marker="o", capsize=3
            )
            labels.append((short[name], means[-1], colour))
        whole = [points for points in known.values() if np.isfinite([m for m, _ in points]).all()]
        if many and whole:
            means = np.mean([[m for m, _ in points] for points in whole], axis=0)
            axes.plot(means, color=OTHER, marker="o", linewidth=2, zorder=3)
            labels.append((f"mean of {len(whole)} lines", float(means[-1]), OTHER))
        axes.set_xticks(range(len(values)), list(short_names(values, 18).values()))
        axes.set_xlim(-0.3, len(values) - 0.7)
        axes.set_xlabel(setting)
        axes.set_ylabel("mIoU (%)" if many else "mIoU (%), mean ± s.d.")
        texts = label_ends(axes, labels) if len(known) > 1 else []
        leave_room(figure, texts)
        spread_ends(axes, texts, laid_out(figure))
    return True


def class_heat_map(
    cells: Sequence[str],
    classes: Sequence[str],
    values: Sequence[Sequence[float]],
    marked: Sequence[Sequence[bool]],
    path: Path,
) -> bool:
    """Differences in IoU (points) from the baseline, by cell and class; separable ones are bold."""
    table = np.array(values, dtype=np.float64)
    if table.size == 0 or not np.isfinite(table).any():
        return False
    limit = max(1.0, float(np.nanpercentile(np.abs(table), 95)))  # one outlier bleaches nothing
    short, named = short_names(cells, NAME_CHARACTERS), short_names(classes, 14)
    width = max(7.0, 2.4 + 0.42 * len(classes))
    with drawing(path, 1.3 + 0.27 * len(cells), width) as figure:
        axes = figure.subplots()
        axes.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            if not np.isfinite(value):
                axes.text(column, row, "–", ha="center", va="center", fontsize=6.5, color=GREY)  # noqa: RUF001
            else:
                bold = marked[row][column]
                axes.text(
                    column, row, f"{value:+.1f}" + ("*" if bold else ""),
                    ha="center", va="center", fontsize=6.5,
                    fontweight="bold" if bold else "normal",
                    color="white" if abs(value) > 0.6 * limit else INK,
                )  # fmt: skip
        axes.set_xticks(
            range(len(classes)), [named[name] for name in classes], rotation=40, ha="right"
        )
        axes.set_yticks(range(len(cells)), [short[cell] for cell in cells])
        axes.grid(visible=False)
        axes.set_title(
            "IoU by class, points against the baseline; * separable", fontsize=9, loc="left"
        )
    return True
