"""The figure of one factor: score against the values of a setting."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from reports.figures.style import (
    COLOURED,
    GREY,
    OTHER,
    drawing,
    fix_layout,
    label_ends,
    leave_room,
    series_colours,
    shorten_names,
    spread_ends,
)

Points = Sequence[tuple[float, float]]  # (mean, standard deviation) at each value
Label = tuple[str, float, str]  # text, height, colour


def draw_factor(
    setting: str, values: Sequence[str], lines: Mapping[str, Points], path: Path
) -> bool:
    """Draw score (%) against the values of a setting, a line for each combination of the others.

    Args:
        setting: the factor.
        values: as they are printed, in order.
        lines: name -> points, NaN where there is no such cell.
        path: of the PNG.

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
    is_crowded = len(lines) > COLOURED
    with drawing(path, height_inches=3.2, width_inches=6) as figure:
        axes = figure.subplots()
        labels = _draw_crowd(axes, lines) if is_crowded else _draw_lines(axes, lines)
        axes.set_xticks(range(len(values)), list(shorten_names(values, 18).values()))
        axes.set_xlim(-0.3, len(values) - 0.7)
        axes.set_xlabel(setting)
        axes.set_ylabel("mIoU (%)" if is_crowded else "mIoU (%), mean ± s.d.")
        texts = label_ends(axes, labels) if len(lines) > 1 else []
        leave_room(figure, texts)
        spread_ends(axes, texts, fix_layout(figure))
    return True


def _draw_lines(axes: Axes, lines: Mapping[str, Points]) -> list[Label]:
    """Draw each line in its colour, with error bars; return their labels."""
    short = shorten_names(lines, 24, 40)
    labels = []
    for colour, (name, points) in zip(series_colours(len(lines)), lines.items(), strict=True):
        places, means, spreads = _finite(points)
        errors = np.nan_to_num(spreads)
        axes.errorbar(places, means, yerr=errors, color=colour, marker="o", capsize=3)
        labels.append((short[name], means[-1], colour))
    return labels


def _draw_crowd(axes: Axes, lines: Mapping[str, Points]) -> list[Label]:
    """Draw all lines thin and grey, and the mean of those without a gap; return its label."""
    for points in lines.values():
        places, means, _ = _finite(points)
        axes.plot(places, means, color=GREY, linewidth=0.6)
    every_line = ([mean for mean, _ in points] for points in lines.values())
    whole = [means for means in every_line if np.isfinite(means).all()]
    if not whole:
        return []
    mean = np.mean(whole, axis=0)
    axes.plot(mean, color=OTHER, marker="o", linewidth=2, zorder=3)
    return [(f"mean of {len(whole)} lines", float(mean[-1]), OTHER)]


def _finite(points: Points) -> tuple[list[int], list[float], list[float]]:
    """Return places, means and spreads where there is a cell."""
    places = [place for place, (mean, _) in enumerate(points) if np.isfinite(mean)]
    return places, [points[place][0] for place in places], [points[place][1] for place in places]
