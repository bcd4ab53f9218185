"""The figure of differences from the baseline."""

import math
from pathlib import Path

import pytest

from reports.figures.differences import Bar, draw_differences
from reports.figures.palette import ACCENT, BASELINE, GREY
from tests.reports.figures.conftest import variables, variables_of

NAN = math.nan


@pytest.mark.slow
def test_verdicts_differ_in_colour(tmp_path: Path) -> None:
    path = tmp_path / "d.svg"
    bars = [
        Bar("up", 3, 2, 4, "better, by less than 5"),
        Bar("down", -3, -4, -2, "worse"),
        Bar("level", 0.1, -1, 1.2, "not separable"),
        Bar("one seed", 0.5, NAN, NAN, "no verdict"),
    ]

    assert draw_differences(bars, "base", path)
    assert variables(ACCENT, BASELINE, GREY) <= variables_of(path)


def test_figure_without_bars_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "d.svg"

    assert not draw_differences([], "base", path)
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$a_{b}$ |<", r"\frac{", "größe ∞", "x" * 70])
def test_awkward_names_are_drawn_unchanged(name: str, tmp_path: Path) -> None:
    assert draw_differences([Bar(name, 1, 0, 2, "better")], name, tmp_path / "d.svg")
