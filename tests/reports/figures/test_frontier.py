"""The figure of accuracy against latency."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.figures import frontier
from reports.figures.frontier import Point, draw_frontier
from reports.figures.label_placement import overlap
from reports.figures.style import ACCENT, BASELINE, GREY, drawing
from tests.reports.figures.conftest import colours_of, rgb

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


def test_frontier_baseline_and_dominated_cells_differ_in_colour(tmp_path: Path) -> None:
    path = tmp_path / "a.png"

    assert draw_frontier(POINTS, path)
    assert {rgb(BASELINE), rgb(ACCENT), rgb(GREY)} <= colours_of(path)


def test_cell_with_a_doubtful_lead_is_hollow(tmp_path: Path) -> None:
    doubtful = [POINTS[0], replace(POINTS[1], is_doubtful=True), POINTS[2]]

    draw_frontier(POINTS, tmp_path / "clear.png")
    draw_frontier(doubtful, tmp_path / "doubtful.png")

    with drawing(tmp_path / "a.png", 4) as figure:
        axes = figure.subplots()
        frontier._draw_point(axes, doubtful[1])
        frontier._draw_point(axes, POINTS[1])
        hollow, filled = (bar.lines[0].get_markerfacecolor() for bar in axes.containers)
    assert (hollow, filled) == ("white", ACCENT)
    assert (tmp_path / "clear.png").read_bytes() != (tmp_path / "doubtful.png").read_bytes()


@pytest.mark.slow
def test_cell_without_latency_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    unmeasured = [POINTS[0], replace(POINTS[2], latency_ms=NAN)]

    assert draw_frontier(unmeasured, path)
    assert rgb(GREY) not in colours_of(path)


def test_cell_of_one_seed_and_one_round_is_drawn_without_bars(tmp_path: Path) -> None:
    bare = replace(POINTS[0], score_low=NAN, score_high=NAN, latency_low=NAN)

    assert draw_frontier([bare], tmp_path / "a.png")


def test_figure_without_a_measured_cell_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "a.png"

    assert not draw_frontier([replace(POINTS[0], latency_ms=NAN)], path)
    assert not path.exists()


def test_among_many_cells_only_the_frontier_and_the_baseline_are_labelled(tmp_path: Path) -> None:
    points = [*POINTS, *(point(f"cell {n}", 3 + n, 30 + n % 7) for n in range(40))]

    assert draw_frontier(points, tmp_path / "a.png")

    with drawing(tmp_path / "b.png", 4) as figure:
        axes = figure.subplots()
        axes.set(xlim=(0, 50), ylim=(25, 50))
        frontier._label_points(figure, axes, points, frontier._frontier_line(points))
        assert [text.get_text() for text in axes.texts] == ["base", "better"]


def test_labels_cover_neither_points_nor_lines(tmp_path: Path) -> None:
    line = frontier._frontier_line(POINTS)
    with drawing(tmp_path / "a.png", 4) as figure:
        axes = figure.subplots()
        axes.set(xlim=(0, 10), ylim=(35, 50))
        frontier._label_points(figure, axes, POINTS, line)
        figure.draw_without_rendering()
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


@pytest.mark.parametrize("name", ["$a_{b}$ |<", r"\frac{", "größe ∞", "x" * 70])
def test_awkward_names_are_drawn_unchanged(name: str, tmp_path: Path) -> None:
    assert draw_frontier([replace(POINTS[0], cell=name)], tmp_path / "a.png")


def test_equal_figures_have_equal_bytes(tmp_path: Path) -> None:
    draw_frontier(POINTS, tmp_path / "a.png")
    draw_frontier(POINTS, tmp_path / "b.png")

    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
