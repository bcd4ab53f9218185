"""The figure of IoU by class and cell."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from reports.figures.style import GREY, INK, NAME_CHARACTERS, drawing, shorten_names


def draw_class_heat_map(
    cells: Sequence[str],
    classes: Sequence[str],
    values: Sequence[Sequence[float]],
    separable: Sequence[Sequence[bool]],
    path: Path,
) -> bool:
    """Draw differences in IoU (points) from the baseline: one row per cell, one column per class.

    Args:
        cells, classes: the names of rows and columns.
        values: one row per cell; NaN where there is no difference.
        separable: whether each value is bold and marked by an asterisk.
        path: path of the PNG.

    Returns:
        whether there was anything to draw.
    """
    table = np.array(values, dtype=np.float64)
    if table.size == 0 or not np.isfinite(table).any():
        return False
    # So that one outlier does not wash out the rest.
    limit = max(1.0, float(np.nanpercentile(np.abs(table), 95)))
    short_cells, short_classes = shorten_names(cells, NAME_CHARACTERS), shorten_names(classes, 14)
    width = max(7.0, 2.4 + 0.42 * len(classes))
    with drawing(path, 1.3 + 0.27 * len(cells), width) as figure:
        axes = figure.subplots()
        axes.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            _write_value(axes, row, column, value, limit, separable[row][column])
        names = [short_classes[name] for name in classes]
        axes.set_xticks(range(len(classes)), names, rotation=40, ha="right")
        axes.set_yticks(range(len(cells)), [short_cells[cell] for cell in cells])
        axes.grid(visible=False)
        axes.set_title(
            "difference in IoU from the baseline, points (*: separable)",
            fontsize=9,
            loc="left",
        )
    return True


def _write_value(
    axes: Axes, row: int, column: int, value: float, limit: float, is_separable: bool
) -> None:
    """Write one value into its tile, in a colour that contrasts with the tile."""
    text, colour = f"{value:+.1f}" + ("*" if is_separable else ""), INK
    if not np.isfinite(value):
        text, colour, is_separable = "\N{EN DASH}", GREY, False
    elif abs(value) > 0.6 * limit:
        colour = "white"
    axes.text(
        column, row, text, ha="center", va="center", fontsize=6.5, color=colour,
        fontweight="bold" if is_separable else "normal",
    )  # fmt: skip
