"""The figure of loss and mIoU over training."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from reports.figures.palette import GREY, INK, PAPER
from reports.figures.style import (
    MAX_COLOURED_LINES,
    SMALL,
    Drawing,
    drawings,
    fix_layout,
    label_ends,
    leave_room,
    series_colours,
    shorten,
    shorten_names,
    spread_ends,
)

_MAX_LINEAR_RATIO = 200  # of losses on a linear axis; a larger ratio needs a logarithmic one
_LARGEST = 1e300  # beyond it, means and axes overflow

Curve = Sequence[tuple[int, float]]  # (step, value)
Curves = Mapping[str, Sequence[Curve]]  # cell -> one curve per seed


def draw_curves(
    panels: Mapping[str, Curves], highlights: Sequence[str], path: Path, x_label: str = "step"
) -> bool:
    """Draw curves over training: a thin line per seed, and their mean in bold.

    Points without a finite value, as of a loss that has diverged, are counted above their panel.

    Args:
        panels: axis label -> the curves of one panel.
        highlights: the cells to colour if there are more than ten.
        path: path of the SVG.
        x_label: what is counted from left to right.

    Returns:
        whether there was anything to draw.
    """
    panels = {label: cells for label, cells in panels.items() if any(map(any, cells.values()))}
    if not panels:
        return False
    cells = list(dict.fromkeys(cell for panel in panels.values() for cell in panel))
    coloured_cells = (
        cells
        if len(cells) <= MAX_COLOURED_LINES
        else [cell for cell in cells if cell in highlights]
    )
    colours = dict(zip(coloured_cells, series_colours(len(coloured_cells)), strict=True))
    for drawing in drawings(path, height_inches=2.7 * len(panels)):
        figure = drawing.figure
        short_names = shorten_names(
            coloured_cells, drawing.name_characters - 4, 18 if drawing.is_narrow else 40
        )
        panel_axes = figure.subplots(len(panels), squeeze=False, sharex=True)[:, 0]
        labels = []
        for axes, (label, panel) in zip(panel_axes, panels.items(), strict=True):
            drawable = _select_finite(panel)
            axis_labels = {"x": x_label, "y": label}
            labels.append(_draw_panel(drawing, axes, axis_labels, drawable, colours, short_names))
            axes.set_ylabel(label)
            axes.set_title(_describe_gaps(panel), loc="left", fontsize=SMALL, color=INK)
            if _spans_orders(drawable):
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter("{x:g}")  # the default one is a formula
        panel_axes[-1].set_xlabel(x_label)
        panel_axes[-1].xaxis.get_major_locator().set_params(integer=True)
        leave_room(figure, [text for texts in labels for text in texts])
        renderer = fix_layout(figure)
        for axes, texts in zip(panel_axes, labels, strict=True):
            spread_ends(axes, texts, renderer)
    return True


def _select_finite(cells: Curves) -> dict[str, list[Curve]]:
    """Return the points that have a place in the panel."""
    return {
        cell: [[point for point in curve if _is_finite(point[1])] for curve in seeds]
        for cell, seeds in cells.items()
    }


def _is_finite(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= _LARGEST


def _describe_gaps(cells: Curves) -> str:
    """Say which points have no finite value, of the first such cell; "" if all have."""
    gaps = {}
    for cell, seeds in cells.items():
        steps = [step for curve in seeds for step, value in curve if not _is_finite(value)]
        if steps:
            gaps[cell] = f"from step {min(steps)} ({len(steps)} of {sum(map(len, seeds))} points)"
    if not gaps:
        return ""
    first_cell, first_gap = next(iter(gaps.items()))
    more = f", and of {len(gaps) - 1} more" if len(gaps) > 1 else ""
    return f"not drawn, as not finite: {shorten(first_cell, 24)} {first_gap}{more}"


def _spans_orders(cells: Curves) -> bool:
    """Return whether one curve would flatten all others, as a loss that has diverged does."""
    values = np.array([v for seeds in cells.values() for curve in seeds for _, v in curve])
    return len(values) > 0 and values.min() > 0 and values.max() > _MAX_LINEAR_RATIO * values.min()


def _draw_panel(
    drawing: Drawing,
    axes: Axes,
    axis_labels: Mapping[str, str],
    cells: Curves,
    colours: Mapping[str, str],
    short_names: Mapping[str, str],
) -> list[Text]:
    """Draw the curves of one panel; return the labels of the coloured ones."""
    labels: list[tuple[str, float, str]] = []
    for cell, seeds in cells.items():
        curves = [dict(points) for points in seeds if points]
        colour = colours.get(cell, GREY)
        for curve in curves if cell in colours else ():  # grey cells show their mean alone
            axes.plot(list(curve), list(curve.values()), color=colour, linewidth=0.6, alpha=0.45)
        steps = sorted(set.intersection(*map(set, curves))) if curves else []
        means = [float(np.mean([curve[step] for curve in curves])) for step in steps]
        # A mean over few shared steps would be a line that no seed followed.
        if means and 2 * len(steps) >= max(map(len, curves)):
            axes.plot(steps, means, color=colour, linewidth=2 if cell in colours else 1, zorder=3)
            if cell in colours:
                labels.append((short_names[cell], means[-1], colour))
                (end,) = axes.plot(
                    steps[-1], means[-1], "o", color=colour, markeredgecolor=PAPER, zorder=4,
                    clip_on=False,
                )  # fmt: skip
                value = f"{axis_labels['y']} {means[-1]:.4g}"
                drawing.add_title(end, f"{cell}: {value} at {axis_labels['x']} {steps[-1]}")
    return label_ends(axes, labels)
