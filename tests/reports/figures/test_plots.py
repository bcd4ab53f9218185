"""Figures: that there is one, with the colours that mean something, or that there is none."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports.figures import plots
from reports.figures.label_placement import overlap
from reports.figures.plots import Bar, Point
from reports.figures.style import BASELINE, GREY, OTHER, drawing, shortened, spread

NAN = math.nan


def colours(path: Path) -> set[tuple[int, ...]]:
    with Image.open(path) as image:
        return {tuple(c) for c in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def point(cell: str, latency: float, score: float, **changes: bool) -> Point:
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

    assert plots.frontier(POINTS, path)
    assert {rgb(BASELINE), rgb(OTHER), rgb(GREY)} <= colours(path)


def test_cell_without_latency_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    unknown = [POINTS[0], replace(POINTS[2], latency_ms=NAN)]

    assert plots.frontier(unknown, path)
    assert rgb(GREY) not in colours(path)


def test_one_seed_and_one_round_have_no_bars(tmp_path: Path) -> None:
    bare = replace(POINTS[0], score_low=NAN, score_high=NAN, latency_low=NAN)

    assert plots.frontier([bare], tmp_path / "a.png")


def test_many_cells_name_the_frontier_alone(tmp_path: Path) -> None:
    many = [point(f"cell {n}", 3 + n, 30 + n % 7) for n in range(40)]

    assert plots.frontier([*POINTS, *many], tmp_path / "a.png")


def test_names_lie_on_neither_points_nor_lines(tmp_path: Path) -> None:
    line = plots._frontier_line(POINTS)
    with drawing(tmp_path / "a.png", 4) as figure:
        axes = figure.subplots()
        axes.set(xlim=(0, 10), ylim=(35, 50))
        plots._label(figure, axes, POINTS, line)
        figure.draw_without_rendering()
        texts = [text.get_window_extent().extents for text in axes.texts]
        boxes = plots._obstacles(axes, POINTS, line).boxes

    assert len(texts) == 3
    assert overlap(np.array(texts), boxes).sum() == 0


def test_frontier_steps_at_the_slower_cell() -> None:
    assert plots._frontier_line(POINTS) == [(2, 40), (4, 40), (4, 45)]


def test_wide_intervals_do_not_shrink_the_differences() -> None:
    wide = [replace(point("a", 2, 40), score_low=-100.0, score_high=180.0), point("b", 3, 42)]

    low, high = plots._score_limits(wide)

    assert 35 < low < 40 < 42 < high < 47


def test_loss_that_diverged_is_drawn_on_a_logarithmic_axis() -> None:
    fine, diverged = [[(1, 2.0), (2, 0.1)]], [[(1, 2.0), (2, 4000.0), (3, NAN)]]

    assert not plots._spans_orders({"a": fine})
    assert plots._spans_orders({"a": fine, "b": diverged})
    assert not plots._spans_orders({"a": []})


def test_nothing_known_draws_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"

    assert not plots.frontier([replace(POINTS[0], latency_ms=NAN)], path)
    assert not plots.differences([], "base", path)
    assert not plots.curves({"loss": {"a": [[]]}}, [], path)
    assert not plots.factor("head", ["a", "b"], {"x": [(1, 1), (NAN, NAN)]}, path)
    assert not plots.class_heat_map([], [], [], [], path)
    assert not plots.class_heat_map(["a"], ["sky"], [[NAN]], [[False]], path)
    assert not path.exists()


def test_verdicts_have_colours_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    bars = [
        Bar("up", 3, 2, 4, 1, 5, "better"),
        Bar("down", -3, -4, -2, -5, -1, "worse"),
        Bar("level", 0.1, -1, 1.2, -2, 2, "not separable"),
        Bar("one seed", 0.5, NAN, NAN, NAN, NAN, "no verdict"),
    ]

    assert plots.differences(bars, "base", path)
    assert {rgb("#1d4ed8"), rgb("#c2410c"), rgb(GREY)} <= colours(path)


def test_curves_of_many_cells_colour_the_named_ones(tmp_path: Path) -> None:
    path = tmp_path / "c.png"
    seeds = [[(1, 2.0), (2, 1.5)], [(1, 2.1), (2, 1.4), (3, 1.0)]]

    assert plots.curves({"loss": {f"c{n}": seeds for n in range(12)}}, ["c3"], path)
    assert rgb("#332288") in colours(path)


def test_factor_skips_cells_that_are_not_there(tmp_path: Path) -> None:
    lines = {"tma": [(40.0, 1.0), (NAN, NAN), (45.0, NAN)], "fcn": [(39.0, 1.0), (NAN, NAN)] * 1}

    assert plots.factor("memory_length", ["1", "2", "4"], lines, tmp_path / "f.png")


def test_heat_map_holds_gaps_and_marks(tmp_path: Path) -> None:
    values, marked = [[5.0, NAN], [-0.2, -5.0]], [[True, False], [False, True]]

    assert plots.class_heat_map(["a", "b"], ["sky", "road"], values, marked, tmp_path / "h.png")


@pytest.mark.parametrize("name", ["$a_{b}$ |<", r"\frac{", "größe ∞", "x" * 70])
def test_odd_names_are_drawn_as_they_are(name: str, tmp_path: Path) -> None:
    assert plots.frontier([replace(POINTS[0], cell=name)], tmp_path / "a.png")
    assert plots.differences([Bar(name, 1, 0, 2, 0, 2, "better")], name, tmp_path / "d.png")
    assert plots.class_heat_map([name], [name], [[1.0]], [[False]], tmp_path / "h.png")


def test_the_same_figure_has_the_same_bytes(tmp_path: Path) -> None:
    plots.frontier(POINTS, tmp_path / "a.png")
    plots.frontier(POINTS, tmp_path / "b.png")

    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_long_names_lose_their_middle() -> None:
    assert shortened("a name that is long", 9) == "a na…long"
    assert shortened("short\nname", 20) == "short name"


def test_labels_are_spread_as_little_as_possible() -> None:
    assert spread([10, 50], 5, 0, 100) == [10, 50]
    assert spread([50, 50, 50], 10, 0, 100) == [40, 50, 60]
    assert spread([0, 0], 10, 0, 100) == [0, 10]
