"""The figure of IoU by class and cell."""

import math
from pathlib import Path

import pytest

from reports.figures.class_heat_map import draw_class_heat_map

NAN = math.nan


def test_heat_map_with_gaps_and_marks_is_drawn(tmp_path: Path) -> None:
    values, separable = [[5.0, NAN], [-0.2, -5.0]], [[True, False], [False, True]]

    assert draw_class_heat_map(["a", "b"], ["sky", "road"], values, separable, tmp_path / "h.svg")


def test_heat_map_without_values_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "h.svg"

    assert not draw_class_heat_map([], [], [], [], path)
    assert not draw_class_heat_map(["a"], ["sky"], [[NAN]], [[False]], path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["$a_{b}$ |<", r"\frac{", "größe ∞", "x" * 70])
def test_awkward_names_are_drawn_unchanged(name: str, tmp_path: Path) -> None:
    assert draw_class_heat_map([name], [name], [[1.0]], [[False]], tmp_path / "h.svg")
