"""The figure of one factor: score against the values of a setting."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from reports.figures.palette import ACCENT, GREY, PAPER
from reports.figures.style import (
    MAX_COLOURED_LINES,
    Drawing,
    drawings,
    fix_layout,
    label_ends,
    leave_room,
    series_colours,
    shorten_names,
    spread_ends,
)

_TICKS, _NARROW_TICKS = 110, 34  # characters that fit below the axis; more are turned

Points = Sequence[tuple[float, float]]  # (mean, standard deviation) at each value
Label = tuple[str, float, str]  # text, height, colour


def draw_factor(
    setting: str, values: Sequence[str], lines: Mapping[str, Points], path: Path
) -> bool:
    """Draw score (%) against the values of a setting: one line per combination of the others.

    Args:
        setting: the factor.
        values: the values in order, as printed.
        lines: name -> its points, NaN where there is no such cell.
        path: path of the SVG.

    Returns:
        whether there was anything to draw.
    """
    lines = {
        name: points
        for name, points in lines.items()
        if np.isfinite([mean for mean, _ in points]).sum() > 1
    }
    if not lines:
        return False
    is_crowded = len(lines) > MAX_COLOURED_LINES
    for drawing in drawings(path, height_inches=3.0):
        figure = drawing.figure
        axes = figure.subplots()
        if is_crowded:
            labels = _draw_crowd(axes, lines)
        else:
            labels = _draw_lines(drawing, axes, lines, [f"{setting} {value}" for value in values])
        short_values = list(shorten_names(values, 18).values())
        axes.set_xticks(range(len(values)), short_values)
        if sum(map(len, short_values)) > (_NARROW_TICKS if drawing.is_narrow else _TICKS):
            axes.tick_params("x", rotation=40)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.3, len(values) - 0.7)
        axes.set_xlabel(setting)
        axes.set_ylabel("mIoU (%)")
        texts = label_ends(axes, labels) if len(lines) > 1 else []
        leave_room(figure, texts)
        spread_ends(axes, texts, fix_layout(figure))
    return True


def _draw_lines(
    drawing: Drawing, axes: Axes, lines: Mapping[str, Points], values: Sequence[str]
) -> list[Label]:
    """Draw each line in its colour, with error bars; return their labels."""
    limit = 18 if drawing.is_narrow else 40
    short_names = shorten_names(lines, drawing.name_characters - 4, limit)
    labels = []
    for colour, (name, points) in zip(series_colours(len(lines)), lines.items(), strict=True):
        positions, means, deviations = _finite(points)
        errors = np.nan_to_num(deviations)
        axes.errorbar(positions, means, yerr=errors, color=colour, elinewidth=1)
        for position, mean, error in zip(positions, means, errors, strict=True):
            (mark,) = axes.plot(
                position, mean, "o", color=colour, markersize=8, markeredgecolor=PAPER, zorder=3
            )
            text = ", ".join(filter(None, [name, values[position]]))
            drawing.add_title(mark, f"{text}: {mean:.2f} ± {error:.2f} % mIoU")
        labels.append((short_names[name], means[-1], colour))
    return labels


def _draw_crowd(axes: Axes, lines: Mapping[str, Points]) -> list[Label]:
    """Draw all lines thin and grey, and the mean of the gapless ones; return its label."""
    for points in lines.values():
        positions, means, _ = _finite(points)
        axes.plot(positions, means, color=GREY, linewidth=0.6)
    means_of_lines = ([mean for mean, _ in points] for points in lines.values())
    gapless = [means for means in means_of_lines if np.isfinite(means).all()]
    if not gapless:
        return []
    mean = np.mean(gapless, axis=0)
    axes.plot(mean, color=ACCENT, marker="o", linewidth=2, zorder=3)
    return [(f"mean of {len(gapless)} lines", float(mean[-1]), ACCENT)]


def _finite(points: Points) -> tuple[list[int], list[float], list[float]]:
    """Return the positions, means and standard deviations of the points that have a cell."""
    positions = [position for position, (mean, _) in enumerate(points) if np.isfinite(mean)]
    means, deviations = ([points[position][k] for position in positions] for k in (0, 1))
    return positions, means, deviations
