"""The figure of one factor: score against the values of a setting."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from reports.figures.style import (
    COLOURED,
    GREY,
    OTHER,
    drawing,
    label_ends,
    laid_out,
    leave_room,
    series_colours,
    short_names,
    spread_ends,
)


def draw_factor(
    setting: str,
    values: Sequence[str],
    lines: Mapping[str, Sequence[tuple[float, float]]],
    path: Path,
) -> bool:
    """Score (%) against the values of a setting, one line for each combination of the others.

    Args:
        setting: the factor.
        values: as they are shown, in order.
        lines: name -> (mean, standard deviation) for each value, NaN where there is no such cell.
        path: of the PNG.
    """
    known = {
        name: points
        for name, points in lines.items()
        if np.isfinite([m for m, _ in points]).sum() > 1
    }
    if not known:
        return False
    many = len(known) > COLOURED
    with drawing(path, height_inches=3.2, width_inches=6) as figure:
        axes = figure.subplots()
        labels = []
        short = short_names(known, 24, 40)
        colours = [GREY] * len(known) if many else series_colours(len(known))
        for colour, (name, points) in zip(colours, known.items(), strict=True):
            there = [(x, m, s) for x, (m, s) in enumerate(points) if np.isfinite(m)]
            places, means, spreads = zip(*there, strict=True)
            if many:
                axes.plot(places, means, color=colour, linewidth=0.6)
                continue
            axes.errorbar(
                places, means, yerr=np.nan_to_num(spreads), color=colour, marker="o", capsize=3
            )
            labels.append((short[name], means[-1], colour))
        whole = [points for points in known.values() if np.isfinite([m for m, _ in points]).all()]
        if many and whole:
            means = np.mean([[m for m, _ in points] for points in whole], axis=0)
            axes.plot(means, color=OTHER, marker="o", linewidth=2, zorder=3)
            labels.append((f"mean of {len(whole)} lines", float(means[-1]), OTHER))
        axes.set_xticks(range(len(values)), list(short_names(values, 18).values()))
        axes.set_xlim(-0.3, len(values) - 0.7)
        axes.set_xlabel(setting)
        axes.set_ylabel("mIoU (%)" if many else "mIoU (%), mean ± s.d.")
        texts = label_ends(axes, labels) if len(known) > 1 else []
        leave_room(figure, texts)
        spread_ends(axes, texts, laid_out(figure))
    return True
