"""The figure of IoU by class and cell."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgba
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from reports.figures.palette import GREY, PAPER, TILE_INK, TILE_PAPER
from reports.figures.style import NARROW_CHARACTERS, Drawing, drawings, shorten_names

_MAX_COLUMNS = 8  # of cells on a phone; with more, the classes are the columns there, too
_DARK = 0.55  # a tile with less luminance has light text
Table = NDArray[np.float64]


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
        path: path of the SVG.

    Returns:
        whether there was anything to draw.
    """
    table = np.array(values, dtype=np.float64)
    if table.size == 0 or not np.isfinite(table).any():
        return False
    # So that one outlier does not wash out the rest.
    limit = max(1.0, float(np.nanpercentile(np.abs(table), 95)))
    marks = np.array(separable)
    is_turned = len(cells) <= _MAX_COLUMNS
    heights = [0.9 + 0.27 * count for count in (len(cells), len(classes))]
    for drawing in drawings(path, heights[0], heights[is_turned]):
        if drawing.is_narrow and is_turned:
            _draw(drawing, classes, cells, table.T, marks.T, limit)
        else:
            _draw(drawing, cells, classes, table, marks, limit)
    return True


def _draw(
    drawing: Drawing,
    rows: Sequence[str],
    columns: Sequence[str],
    table: Table,
    marks: NDArray[np.bool_],
    scale: float,
) -> None:
    axes = drawing.figure.subplots()
    for (row, column), value in np.ndenumerate(table):
        tile = _draw_tile(axes, row, column, value, scale)
        points = f"{value:+.2f} points" if np.isfinite(value) else "no difference known"
        drawing.add_title(tile, f"{rows[row]}, {columns[column]}: {points}")
        if not drawing.is_narrow or len(columns) <= _MAX_COLUMNS:
            _write_value(axes, tile, value, bool(marks[row, column]))
    limit = NARROW_CHARACTERS if drawing.is_narrow else 1000
    short_rows = shorten_names(rows, drawing.name_characters, limit)
    short_columns = shorten_names(columns, 14)
    axes.set_xticks(
        range(len(columns)), [short_columns[name] for name in columns],
        rotation=40, ha="right", rotation_mode="anchor",
    )  # fmt: skip
    axes.set_yticks(range(len(rows)), [short_rows[name] for name in rows])
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _draw_tile(axes: Axes, row: int, column: int, value: float, limit: float) -> Rectangle:
    colours, scale = mpl.colormaps["RdBu"], Normalize(-limit, limit)
    colour = colours(scale(value)) if np.isfinite(value) else "none"
    tile = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor=PAPER)
    axes.add_patch(tile)
    return tile


def _write_value(axes: Axes, tile: Rectangle, value: float, is_separable: bool) -> None:
    """Write one value into its tile, in a colour that contrasts with the tile."""
    red, green, blue, _ = to_rgba(tile.get_facecolor())
    is_dark = 0.3 * red + 0.59 * green + 0.11 * blue < _DARK
    text, colour = f"{value:+.1f}" + ("*" if is_separable else ""), TILE_INK
    if not np.isfinite(value):
        text, colour, is_separable = "\N{EN DASH}", GREY, False
    elif is_dark:
        colour = TILE_PAPER
    x, y = tile.get_center()
    axes.text(
        x, y, text, ha="center", va="center", fontsize=7.5, color=colour,
        fontweight="bold" if is_separable else "normal",
    )  # fmt: skip
