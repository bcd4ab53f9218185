"""The figure of several metrics side by side: differences from the baseline, a panel for each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from reports.figures.differences import NARROW_ROW, Bar, choose_limits, draw_bar, name_rows
from reports.figures.palette import BASELINE
from reports.figures.style import SMALL, Drawing, drawings

MAX_CELLS = 30
_ROW, _FRAME, _LINE = 0.27, 0.85, 0.15  # inches


def draw_panels(panels: Mapping[str, Sequence[Bar]], path: Path) -> bool:
    """Draw differences with their intervals: a panel per metric, a row per cell.

    Args:
        panels: title -> the differences of one metric; of many cells, only the first are drawn.
        path: path of the SVG.

    Returns:
        whether there was anything to draw.
    """
    panels = {
        title: finite_bars[:MAX_CELLS]
        for title, bars in panels.items()
        if (finite_bars := [bar for bar in bars if np.isfinite(bar.mean)])
    }
    if not panels:
        return False
    rows = max(map(len, panels.values()))
    narrow_height = (_FRAME + NARROW_ROW * rows) * len(panels)
    for drawing in drawings(path, _FRAME + _LINE + _ROW * rows, narrow_height):
        _draw(drawing, panels)
    return True


def _draw(drawing: Drawing, panels: Mapping[str, Sequence[Bar]]) -> None:
    shape = (len(panels), 1) if drawing.is_narrow else (1, len(panels))
    all_axes = drawing.figure.subplots(*shape, squeeze=False).ravel()
    for number, (axes, (title, bars)) in enumerate(zip(all_axes, panels.items(), strict=True)):
        _draw_panel(drawing, axes, bars)
        # Side by side, titles of two lines are narrower than the panels.
        text = title if drawing.is_narrow else title.replace(" (", "\n(")
        axes.set_title(text, fontsize=SMALL, loc="left")
        if number and not drawing.is_narrow and _names(bars) == _names(next(iter(panels.values()))):
            axes.set_yticklabels([])
        if not drawing.is_narrow or number == len(panels) - 1:
            axes.set_xlabel("difference, points")


def _draw_panel(drawing: Drawing, axes: Axes, bars: Sequence[Bar]) -> None:
    for height, bar in enumerate(bars):
        draw_bar(drawing, axes, height, bar)
    axes.axvline(0, color=BASELINE, linewidth=1)
    name_rows(drawing, axes, bars)
    axes.set_xlim(*choose_limits(bars))


def _names(bars: Sequence[Bar]) -> list[str]:
    return [bar.name for bar in bars]
