"""The figure of loss and mIoU over training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from reports.figures.style import (
    COLOURED,
    GREY,
    drawing,
    label_ends,
    laid_out,
    leave_room,
    series_colours,
    short_names,
    spread_ends,
)

_DIVERGED = 200  # losses that differ by more are drawn on a logarithmic axis


def draw_curves(
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
            ends.append(_draw_panel(axes, found, colour, short))
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


def _draw_panel(
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
