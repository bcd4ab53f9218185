"""The figure of accuracy against latency."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.figures import frontier
from reports.figures.frontier import Point, draw_frontier
from reports.figures.label_placement import overlap
from reports.figures.palette import ACCENT, BASELINE, GREY, PAPER
from reports.figures.style import drawings
from tests.reports.figures.conftest import variables, variables_of

NAN = math.nan


def point(cell: str, latency: float, score: float, **changes: bool) -> Point:
    """Make a point with intervals on both axes."""
    return Point(
        cell, latency, 0.95 * latency, 1.1 * latency, score, score - 1, score + 1,
        **{"is_baseline": False, "on_frontier": False, **changes},
    )  # fmt: skip


POINTS = [
    point("base", 2, 40, is_baseline=True, on_frontier=True),
    point("better", 4, 45, on_frontier=True),
    point("dominated", 5, 41),
]


@pytest.mark.slow
def test_frontier_baseline_and_dominated_cells_differ_in_colour(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"

    assert draw_frontier(POINTS, path)
    assert variables(BASELINE, ACCENT, GREY) <= variables_of(path)


@pytest.mark.slow
def test_cell_with_a_doubtful_lead_is_hollow(tmp_path: Path) -> None:
    doubtful = [POINTS[0], replace(POINTS[1], is_doubtful=True), POINTS[2]]

    draw_frontier(POINTS, tmp_path / "clear.svg")
    draw_frontier(doubtful, tmp_path / "doubtful.svg")

    drawing = next(drawings(tmp_path / "a.svg", 4))
    axes = drawing.figure.subplots()
    for each in (doubtful[1], POINTS[1]):
        frontier._draw_point(drawing, axes, each)
    marks = [line for line in axes.lines if line.get_gid()]
    assert [mark.get_markerfacecolor() for mark in marks] == [PAPER, ACCENT]
    assert (tmp_path / "clear.svg").read_bytes() != (tmp_path / "doubtful.svg").read_bytes()


@pytest.mark.slow
def test_cell_without_latency_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    unmeasured = [POINTS[0], replace(POINTS[2], latency_ms=NAN)]

    assert draw_frontier(unmeasured, path)
    assert not variables(GREY) & variables_of(path)


@pytest.mark.slow
def test_cell_of_one_seed_and_one_round_is_drawn_without_bars(tmp_path: Path) -> None:
    bare = replace(POINTS[0], score_low=NAN, score_high=NAN, latency_low=NAN)

    assert draw_frontier([bare], tmp_path / "a.svg")


def test_figure_without_a_measured_cell_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"

    assert not draw_frontier([replace(POINTS[0], latency_ms=NAN)], path)
    assert not path.exists()


@pytest.mark.slow
def test_among_many_cells_only_the_frontier_and_the_baseline_are_labelled(tmp_path: Path) -> None:
    points = [*POINTS, *(point(f"cell {n}", 3 + n, 30 + n % 7) for n in range(40))]

    assert draw_frontier(points, tmp_path / "a.svg")

    drawing = next(drawings(tmp_path / "b.svg", 4))
    axes = drawing.figure.subplots()
    axes.set(xlim=(0, 50), ylim=(25, 50))
    frontier._label_points(drawing, axes, points, frontier._frontier_line(points))
    assert [text.get_text() for text in axes.texts] == ["base", "better"]


def test_labels_cover_neither_points_nor_lines(tmp_path: Path) -> None:
    line = frontier._frontier_line(POINTS)
    drawing = next(drawings(tmp_path / "a.svg", 4))
    axes = drawing.figure.subplots()
    axes.set(xlim=(0, 10), ylim=(35, 50))
    frontier._label_points(drawing, axes, POINTS, line)
    drawing.figure.draw_without_rendering()
    texts = [text.get_window_extent().extents for text in axes.texts]
    boxes = frontier._obstacles(axes, POINTS, line).boxes

    assert len(texts) == 3
    assert overlap(np.array(texts), boxes).sum() == 0


def test_frontier_steps_at_the_slower_cell() -> None:
    assert frontier._frontier_line(POINTS) == [(2, 40), (4, 40), (4, 45)]


def test_wide_intervals_do_not_shrink_the_differences() -> None:
    points_with_a_wide_interval = [
        replace(point("a", 2, 40), score_low=-100.0, score_high=180.0),
        point("b", 3, 42),
    ]

    low, high = frontier._score_limits(points_with_a_wide_interval)

    assert 35 < low < 40 < 42 < high < 47


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$a_{b}$ |<", r"\frac{", "größe ∞", "x" * 70])
def test_awkward_names_are_drawn_unchanged(name: str, tmp_path: Path) -> None:
    assert draw_frontier([replace(POINTS[0], cell=name)], tmp_path / "a.svg")


@pytest.mark.slow
def test_equal_figures_have_equal_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        draw_frontier(POINTS, folder / "f.svg")

    for name in ("f.svg", "f-narrow.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.slow
def test_marks_name_their_cell_and_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"

    draw_frontier(POINTS, path)

    titles = re.findall('<g class="tip"><title>(.*?)</title>', path.read_text("utf-8"))
    assert "better: 45.00 % mIoU at 4.00 ms (3.80 to 4.40)" in titles
    assert len(titles) == 3
