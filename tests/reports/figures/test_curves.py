"""The figure of loss and mIoU over training."""

import math
from pathlib import Path

from reports.figures import curves
from reports.figures.curves import draw_curves
from reports.figures.style import SERIES
from tests.reports.figures.conftest import colours_of, rgb


def test_highlighted_cells_are_coloured_among_many(tmp_path: Path) -> None:
    path = tmp_path / "c.png"
    seeds = [[(1, 2.0), (2, 1.5)], [(1, 2.1), (2, 1.4), (3, 1.0)]]

    assert draw_curves({"loss": {f"c{n}": seeds for n in range(12)}}, ["c3"], path)
    assert rgb(SERIES[0]) in colours_of(path)


def test_diverged_loss_is_drawn_on_a_logarithmic_axis() -> None:
    converged, diverged = [[(1, 2.0), (2, 0.1)]], [[(1, 2.0), (2, 4000.0), (3, math.nan)]]

    assert not curves._spans_orders({"a": converged})
    assert curves._spans_orders({"a": converged, "b": diverged})
    assert not curves._spans_orders({"a": []})


def test_curves_without_points_are_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "c.png"

    assert not draw_curves({"loss": {"a": [[]]}}, [], path)
    assert not path.exists()
