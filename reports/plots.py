"""Figures, drawn from tables of numbers."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.records import ExperimentRecord
from reports.tables import by_cell

_BASELINE, _OTHER = "#c2410c", "#1d4ed8"
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "axes.axisbelow": True,
    "text.parse_math": False,  # a dollar in a cell's name is a dollar
}


def accuracy_against_latency(table: pd.DataFrame, baseline: str, path: Path) -> bool:
    """Scatter of mIoU against latency, standard deviation as bars; False if nothing is measured."""
    known = table.dropna(subset=["mean", "clip_median"])
    if known.empty:
        return False
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.subplots()
        for _, row in known.iterrows():
            axes.errorbar(
                row["clip_median"],
                100 * row["mean"],
                yerr=100 * row["std"] if row["n"] > 1 else None,
                fmt="o",
                capsize=3,
                color=_colour(row["cell"], baseline),
            )
            axes.annotate(
                row["cell"],
                (row["clip_median"], 100 * row["mean"]),
                xytext=(7, 5),
                textcoords="offset points",
                fontsize=9,
            )
        axes.margins(x=0.18, y=0.15)
        axes.set_xlabel("latency of one prediction, median (ms)")
        axes.set_ylabel("mIoU (%), mean ± standard deviation")
        _save(figure, path)
    return True


def seeds_by_cell(record: ExperimentRecord, path: Path) -> bool:
    """Every seed's mIoU as a dot, the mean as a line; False if no trial has finished."""
    cells = {cell: runs for cell, runs in by_cell(record).items() if runs}
    if not cells:
        return False
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7, 1.2 + 0.38 * len(cells)), layout="constrained")
        axes = figure.subplots()
        for place, (cell, runs) in enumerate(cells.items()):
            _draw_seeds(axes, place, [100 * r.metrics["miou"] for r in runs], cell, record.baseline)
        axes.set_yticks(range(len(cells)), list(cells))
        axes.invert_yaxis()
        axes.set_xlabel("mIoU (%) of each seed, and their mean")
        _save(figure, path)
    return True


def _draw_seeds(axes: Axes, place: int, values: list[float], cell: str, baseline: str) -> None:
    colour = _colour(cell, baseline)
    axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.6)
    mean = sum(values) / len(values)
    axes.plot([mean, mean], [place - 0.3, place + 0.3], color=colour, linewidth=2)


def _colour(cell: str, baseline: str) -> str:
    return _BASELINE if cell == baseline else _OTHER


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, metadata={"Software": None})
