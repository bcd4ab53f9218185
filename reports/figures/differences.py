"""The figure of differences from the baseline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from reports.analysis.verdict import is_better, is_worse
from reports.figures.palette import ACCENT, BASELINE, GREY, INK, PAPER
from reports.figures.style import (
    SMALL,
    THICK,
    THIN,
    Drawing,
    drawings,
    limit_reach,
    shorten_names,
)

NARROW_ROW = 0.42  # height of a row on a phone, inches
_CHARACTERS_ABOVE = 38  # of a name above its row
MAX_BARS = 60  # of more differences, only the largest and smallest are drawn


@dataclass(frozen=True)
class Bar:
    """A difference from the baseline in points.

    Attributes:
        low, high: the ends of its simultaneous interval.
        deviation: the standard deviation of its error.
    """

    name: str
    mean: float
    low: float
    high: float
    verdict: str
    deviation: float = math.nan


def draw_differences(
    bars: Sequence[Bar], baseline: str, path: Path, metric: str = "mIoU", unit: str = "points"
) -> bool:
    """Draw differences with their intervals, which hold for all judged cells at once.

    Args:
        bars: the differences.
        baseline: the cell that the differences are relative to.
        path: path of the SVG.
        metric, unit: what the differences are of.

    Returns:
        whether there was anything to draw.
    """
    finite_bars = [bar for bar in bars if np.isfinite(bar.mean)]
    if not finite_bars:
        return False
    bars = _outermost(finite_bars)
    names = [*(bar.name for bar in bars), baseline]
    for drawing in drawings(path, 0.8 + 0.3 * len(bars), 0.9 + NARROW_ROW * len(bars)):
        short_names = shorten_names(names, drawing.name_characters)
        axes = drawing.figure.subplots()
        for height, bar in enumerate(bars):
            draw_bar(drawing, axes, height, bar)
        axes.axvline(0, color=BASELINE, linewidth=1)
        name_rows(drawing, axes, bars)
        if not drawing.is_narrow:
            right = axes.secondary_yaxis("right")
            right.set_yticks(range(len(bars)), [f"{bar.mean:+.2f}  {bar.verdict}" for bar in bars])
            right.tick_params(length=0)
            right.spines["right"].set_visible(False)
        axes.set_xlim(*choose_limits(bars))
        if len(finite_bars) > len(bars):
            half = MAX_BARS // 2
            title = f"the {half} largest and {half} smallest of {len(finite_bars)} differences"
            axes.set_title(title, fontsize=SMALL, loc="left", color=INK)
        axes.set_xlabel(f"{metric} difference from {short_names[baseline]} ({unit})")
    return True


def name_rows(drawing: Drawing, axes: Axes, bars: Sequence[Bar]) -> None:
    """Write the name of each row: beside it or, on a phone, above it and with its numbers."""
    axes.grid(axis="y", visible=False)
    names = [bar.name for bar in bars]
    if not drawing.is_narrow:
        short_names = shorten_names(names, drawing.name_characters)
        axes.set_yticks(range(len(bars)), [short_names[name] for name in names])
        axes.set_ylim(len(bars) - 0.4, -0.6)
        return
    short_names = shorten_names(names, _CHARACTERS_ABOVE)
    for height, bar in enumerate(bars):
        text = f"{short_names[bar.name]}: {bar.mean:+.2f}, {bar.verdict}"
        axes.text(
            0, height - 0.25, text, fontsize=SMALL, va="bottom",
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(bars) - 0.6, -0.9)


def draw_bar(drawing: Drawing, axes: Axes, height: int, bar: Bar) -> None:
    """Draw a difference with its bars, and show its numbers near the pointer."""
    colour, marker = _style(bar.verdict)
    text = f"{bar.name}: {bar.mean:+.2f}"
    if np.isfinite(bar.low):
        axes.plot([bar.low, bar.high], [height] * 2, color=colour, linewidth=THIN)
        text += f" ({bar.low:+.2f} to {bar.high:+.2f})"
    if np.isfinite(bar.deviation):
        ends = [bar.mean - bar.deviation, bar.mean + bar.deviation]
        axes.plot(ends, [height] * 2, color=colour, linewidth=THICK, solid_capstyle="butt")
    (mark,) = axes.plot(
        bar.mean, height, marker, color=colour, markersize=9, markeredgecolor=PAPER, zorder=3
    )
    drawing.add_title(mark, f"{text}, {bar.verdict}")


def _style(verdict: str) -> tuple[str, str]:
    """Return the colour and the marker of a verdict."""
    if is_better(verdict):
        return ACCENT, "^"
    return (BASELINE, "v") if is_worse(verdict) else (GREY, "o")


def _outermost(bars: Sequence[Bar]) -> list[Bar]:
    """Return the bars to draw: the largest and the smallest ones if there are too many."""
    if len(bars) <= MAX_BARS:
        return list(bars)
    ranked = sorted(range(len(bars)), key=lambda index: bars[index].mean)
    return [bars[index] for index in sorted([*ranked[: MAX_BARS // 2], *ranked[-MAX_BARS // 2 :]])]


def choose_limits(bars: Sequence[Bar]) -> tuple[float, float]:
    """Choose the limits of the axis; very wide intervals are cut off."""
    largest = max(abs(bar.mean) for bar in bars)
    ends = [end for b in bars for end in (b.low, b.high) if np.isfinite(end)]
    lengths = [abs(end) for b in bars for end in (b.low, b.high) if np.isfinite(end)]
    reach = max(3 * largest, limit_reach(lengths), 0.5)
    low, high = max(min([0.0, *ends]), -reach), min(max([0.0, *ends]), reach)
    low, high = min(low, *(bar.mean for bar in bars), 0), max(high, *(bar.mean for bar in bars), 0)
    margin = 0.05 * max(high - low, 0.1)
    return low - margin, high + margin
