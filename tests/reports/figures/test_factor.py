"""The figure of one factor."""

import math
from pathlib import Path

import pytest

from reports.figures.factor import draw_factor

NAN = math.nan


@pytest.mark.slow
def test_missing_cells_are_skipped(tmp_path: Path) -> None:
    lines = {"tma": [(40.0, 1.0), (NAN, NAN), (45.0, NAN)], "fcn": [(39.0, 1.0), (NAN, NAN)]}

    assert draw_factor("memory_length", ["1", "2", "4"], lines, tmp_path / "f.svg")


def test_lines_of_one_point_are_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "f.svg"

    assert not draw_factor("head", ["a", "b"], {"x": [(1, 1), (NAN, NAN)]}, path)
    assert not path.exists()
