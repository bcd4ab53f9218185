"""The figure of IoU by class and cell."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reports.figures.style import GREY, INK, NAME_CHARACTERS, drawing, short_names


def draw_class_heat_map(
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
