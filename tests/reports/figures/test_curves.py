"""The figure of loss and mIoU over training."""

import math
from pathlib import Path

import pytest

from reports.figures import curves
from reports.figures.curves import draw_curves
from reports.figures.palette import SERIES
from tests.reports.figures.conftest import variables, variables_of


@pytest.mark.slow
def test_highlighted_cells_are_coloured_among_many(tmp_path: Path) -> None:
    path = tmp_path / "c.svg"
    seeds = [[(1, 2.0), (2, 1.5)], [(1, 2.1), (2, 1.4), (3, 1.0)]]

    assert draw_curves({"loss": {f"c{n}": seeds for n in range(12)}}, ["c3"], path)
    assert variables(SERIES[0]) <= variables_of(path)


def test_diverged_loss_is_drawn_on_a_logarithmic_axis() -> None:
    converged, diverged = [[(1, 2.0), (2, 0.1)]], [[(1, 2.0), (2, 4000.0)]]

    assert not curves._spans_orders({"a": converged})
    assert curves._spans_orders({"a": converged, "b": diverged})
    assert not curves._spans_orders({"a": []})


@pytest.mark.slow
def test_few_steps_are_counted_in_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "c.svg"

    draw_curves({"loss": {"a": [[(1, 2.0), (2, 1.5), (3, 1.0)]]}}, [], path)

    assert ">3<" in path.read_text()
    assert ">1.25<" not in path.read_text()


def test_curves_without_points_are_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "c.svg"

    assert not draw_curves({"loss": {"a": [[]]}}, [], path)
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.797e308])
def test_curve_that_ends_without_a_finite_value_is_drawn_as_far_as_it_goes(
    tmp_path: Path, value: float
) -> None:
    path = tmp_path / "c.svg"
    diverged = [[(1, 2.0), (2, 3.0), (3, value)], [(1, 2.0), (2, value)]]
    panels = {"loss": {"a": [[(1, 2.0), (2, 1.0)]], "b": diverged}}

    assert draw_curves(panels, [], path)
    assert variables(SERIES[0], SERIES[1]) <= variables_of(path)


@pytest.mark.slow
def test_cells_without_any_finite_value_leave_an_empty_panel(tmp_path: Path) -> None:
    panels = {"loss": {"a": [[(1, math.nan)]]}, "mIoU": {"a": [[(1, 50.0)]]}}

    assert draw_curves(panels, [], tmp_path / "c.svg")


def test_points_that_are_not_drawn_are_counted_by_cell() -> None:
    gap, whole = [(1, 2.0), (20, math.nan), (30, math.inf)], [(1, 2.0)]

    assert curves._describe_gaps({"a": [whole]}) == ""
    assert curves._describe_gaps({"a": [whole], "b": [gap, whole]}) == (
        "not drawn, as not finite: b from step 20 (2 of 4 points)"
    )
    assert curves._describe_gaps({f"c{n}": [gap] for n in range(4)}).endswith(", and of 3 more")


def test_values_near_the_limit_can_be_drawn(tmp_path: Path) -> None:
    panels = {"loss": {"a": [[(1, 0.0), (2, 1e300)], [(1, -1e300), (2, 0.0)]]}}

    assert draw_curves(panels, [], tmp_path / "c.svg")
