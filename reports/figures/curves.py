"""The figure of loss and mIoU over training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from reports.figures.style import (
    GREY,
    MAX_COLOURED_LINES,
    drawing,
    fix_layout,
    label_ends,
    leave_room,
    series_colours,
    shorten_names,
    spread_ends,
)

_MAX_LINEAR_RATIO = 200  # of losses on a linear axis; a larger ratio needs a logarithmic one

Curve = Sequence[tuple[int, float]]  # (step, value)
Curves = Mapping[str, Sequence[Curve]]  # cell -> one curve per seed


def draw_curves(panels: Mapping[str, Curves], highlights: Sequence[str], path: Path) -> bool:
    """Draw curves over training: a thin line per seed, and their mean in bold.

    Args:
        panels: axis label -> the curves of one panel.
        highlights: the cells to colour if there are more than ten.
        path: path of the PNG.

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
    short_names = shorten_names(coloured_cells, 24, 40)
    with drawing(path, height_inches=3.0 * len(panels)) as figure:
        panel_axes = figure.subplots(len(panels), squeeze=False, sharex=True)[:, 0]
        labels = []
        for axes, (label, panel) in zip(panel_axes, panels.items(), strict=True):
            labels.append(_draw_panel(axes, panel, colours, short_names))
            axes.set_ylabel(label)
            if _spans_orders(panel):
                axes.set_yscale("log")
        panel_axes[-1].set_xlabel("step")
        leave_room(figure, [text for texts in labels for text in texts])
        renderer = fix_layout(figure)
        for axes, texts in zip(panel_axes, labels, strict=True):
            spread_ends(axes, texts, renderer)
    return True


def _spans_orders(cells: Curves) -> bool:
    """Return whether one curve would flatten all others, as a loss that has diverged does."""
    values = np.array([v for seeds in cells.values() for curve in seeds for _, v in curve])
    values = values[np.isfinite(values)]
    return len(values) > 0 and values.min() > 0 and values.max() > _MAX_LINEAR_RATIO * values.min()


def _draw_panel(
    axes: Axes, cells: Curves, colours: Mapping[str, str], short_names: Mapping[str, str]
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
    return label_ends(axes, labels)
