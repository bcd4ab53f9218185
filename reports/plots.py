"""The figures of a report, each drawn from plain numbers into a PNG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter

from reports.drawing import (
    BASELINE,
    GREY,
    INK,
    OTHER,
    SMALL,
    drawing,
    label_ends,
    laid_out,
    series_colours,
    short_names,
    spread_ends,
)
from reports.placement import Obstacles, place
from reports.statistics import BETTER, WORSE

NAME_CHARACTERS = 34
LABELLED = 25  # points: beyond, only those of the frontier and the baseline are named
COLOURED = 10  # curves: beyond, only the cells named first have a colour
_LOG_SPAN = 10  # latencies that differ by more are drawn on a logarithmic axis
_VERDICTS = {BETTER: ("#1d4ed8", "^"), WORSE: ("#c2410c", "v")}


@dataclass(frozen=True)
class Point:
    """A cell between latency (ms) and score (%), with the ends of its intervals; NaN if unknown."""

    cell: str
    latency_ms: float
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
    with drawing(path, height_inches=4.4) as figure:
        axes = figure.subplots()
        for point in known:
            _draw_point(axes, point)
        best = sorted((p for p in known if p.on_frontier), key=lambda p: p.latency_ms)
        axes.step(
            [p.latency_ms for p in best], [p.score for p in best], where="post",
            color=OTHER, linewidth=1, alpha=0.5, zorder=1,
        )  # fmt: skip
        latencies = [p.latency_ms for p in known]
        if max(latencies) > _LOG_SPAN * min(latencies):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.2, y=0.18)
        axes.set_xlabel("latency of one prediction, whole clip, median with p95 (ms)")
        axes.set_ylabel("mIoU (%), mean ± standard deviation")
        _label(figure, axes, known)
    return True


def _draw_point(axes: Axes, point: Point) -> None:
    colour = BASELINE if point.is_baseline else OTHER if point.on_frontier else GREY
    below, above = point.score - point.score_low, point.score_high - point.score
    late = point.latency_high - point.latency_ms
    axes.errorbar(
        point.latency_ms,
        point.score,
        yerr=None if np.isnan(below) else [[below], [above]],
        xerr=None if np.isnan(late) else [[0.0], [late]],
        fmt="s" if point.is_baseline else "o",
        markersize=6,
        capsize=2.5,
        elinewidth=1,
        color=colour,
        zorder=3,
    )


def _label(figure: Figure, axes: Axes, points: Sequence[Point]) -> None:
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
        axes.text(0, 0, short[p.cell], fontsize=SMALL, color=INK, transform=axes.transAxes)
        for p in named
    ]
    extents = [text.get_window_extent(renderer) for text in texts]
    sizes = np.array([(extent.width + 4, extent.height + 2) for extent in extents])
    box = axes.bbox
    found = place(
        anchors, sizes, _obstacles(axes, points), (box.x0 + 2, box.y0 + 2, box.x1 - 2, box.y1 - 2)
    )
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


def _obstacles(axes: Axes, points: Sequence[Point]) -> Obstacles:
    """Markers and error bars, in pixels."""
    boxes = []
    for point in points:
        x, y = axes.transData.transform((point.latency_ms, point.score))
        boxes.append((x - 8, y - 8, x + 8, y + 8))
        for low, high in ((point.score_low, point.score_high),):
            if np.isfinite(low):
                bottom = axes.transData.transform((point.latency_ms, low))[1]
                top = axes.transData.transform((point.latency_ms, high))[1]
                boxes.append((x - 4, bottom, x + 4, top))
        if np.isfinite(point.latency_high):
            right = axes.transData.transform((point.latency_high, point.score))[0]
            boxes.append((x, y - 4, right, y + 4))
    return Obstacles(np.array(boxes), np.ones(len(boxes)))


def differences(bars: Sequence[Bar], baseline: str, path: Path) -> bool:
    """Differences from the baseline with their intervals: thick for one, thin for all at once."""
    known = [bar for bar in bars if np.isfinite(bar.mean)]
    if not known:
        return False
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
        axes.set_xlabel(
            f"mIoU (points) against {short[baseline]}\n95 % intervals, cut off if far out"
        )
    return True


def _limits(bars: Sequence[Bar]) -> tuple[float, float]:
    """Of the axis: very uncertain intervals would shrink the differences to nothing."""
    largest = max(abs(bar.mean) for bar in bars)
    ends = [end for b in bars for end in (b.low_all, b.high_all) if np.isfinite(end)]
    reach = max(3 * largest, 0.5)
    low, high = max(min([0.0, *ends]), -reach), min(max([0.0, *ends]), reach)
    low, high = min(low, *(bar.mean for bar in bars), 0), max(high, *(bar.mean for bar in bars), 0)
    margin = 0.05 * max(high - low, 0.1)
    return low - margin, high + margin


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
    short = short_names(coloured, 24)
    with drawing(path, height_inches=3.0 * len(drawn)) as figure:
        every = figure.subplots(len(drawn), squeeze=False)[:, 0]
        ends = []
        for axes, (label, found) in zip(every, drawn.items(), strict=True):
            ends.append(_draw_curves(axes, found, colour, short))
            axes.set_ylabel(label)
        every[-1].set_xlabel("step")
        figure.get_layout_engine().set(rect=(0, 0, 0.8, 1))
        renderer = laid_out(figure)
        for axes, texts in zip(every, ends, strict=True):
            spread_ends(axes, texts, renderer)
    return True


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
        for points in known:
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
    short = short_names(known, 24)
    with drawing(path, height_inches=3.2, width_inches=6) as figure:
        axes = figure.subplots()
        labels = []
        for colour, (name, points) in zip(series_colours(len(known)), known.items(), strict=True):
            there = [(x, m, s) for x, (m, s) in enumerate(points) if np.isfinite(m)]
            places, means, spreads = zip(*there, strict=True)
            axes.errorbar(
                places, means, yerr=np.nan_to_num(spreads), color=colour, marker="o", capsize=3
            )
            labels.append((short[name], means[-1], colour))
        axes.set_xticks(range(len(values)), list(short_names(values, 18).values()))
        axes.set_xlim(-0.3, len(values) - 0.7)
        axes.set_xlabel(setting)
        axes.set_ylabel("mIoU (%), mean ± s.d.")
        figure.get_layout_engine().set(rect=(0, 0, 0.8, 1))
        texts = label_ends(axes, labels) if len(known) > 1 else []
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
