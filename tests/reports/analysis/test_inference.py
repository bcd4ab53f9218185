"""Simultaneous intervals of drawn errors."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.analysis.inference import (
    Errors,
    TestSetError,
    draw_test_set_errors,
    half_widths,
    number_of_draws,
)

DRAWS = 200_000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_normal_error_has_the_normal_interval(rng: np.random.Generator) -> None:
    halves, deviations = half_widths(0.02 * rng.normal(size=(DRAWS, 1)), np.array([True]))

    assert halves == pytest.approx(0.02 * stats.norm.ppf(0.975), rel=0.01)
    assert deviations == pytest.approx(0.02, rel=0.01)


def test_independent_errors_have_sidaks_interval(rng: np.random.Generator) -> None:
    """Five intervals hold at once if each holds with probability 0.95 ** (1 / 5)."""
    errors = rng.normal(size=(DRAWS, 5)) * [1, 2, 3, 4, 100]

    halves, _ = half_widths(errors, np.ones(5, dtype=bool))

    quantile = stats.norm.ppf(0.5 + 0.95 ** (1 / 5) / 2)
    assert halves == pytest.approx(quantile * np.array([1, 2, 3, 4, 100]), rel=0.02)


def test_intervals_hold_for_the_whole_family_in_95_of_100_draws(rng: np.random.Generator) -> None:
    shared = rng.standard_t(3, size=(DRAWS, 1))
    errors = shared + rng.normal(size=(DRAWS, 6)) * np.arange(1, 7)

    halves, _ = half_widths(errors, np.ones(6, dtype=bool))

    assert (np.abs(errors) <= halves).all(axis=1).mean() == pytest.approx(0.95, abs=0.001)


def test_errors_that_move_together_need_no_wider_interval(rng: np.random.Generator) -> None:
    errors = np.repeat(rng.normal(size=(DRAWS, 1)), 8, axis=1)

    halves, _ = half_widths(errors, np.ones(8, dtype=bool))

    assert halves == pytest.approx(stats.norm.ppf(0.975), rel=0.01)


def test_comparison_outside_the_family_has_an_interval_of_its_own(
    rng: np.random.Generator,
) -> None:
    errors = rng.normal(size=(DRAWS, 3))

    pair, _ = half_widths(errors[:, :2], np.ones(2, dtype=bool))
    halves, _ = half_widths(errors, np.array([True, True, False]))

    assert halves[:2] == pytest.approx(pair)
    assert halves[2] == pytest.approx(stats.norm.ppf(0.975), rel=0.01)


def test_errors_of_zero_have_no_width_and_do_not_affect_the_others(
    rng: np.random.Generator,
) -> None:
    errors = rng.normal(size=(DRAWS, 2)) * [1, 0]

    halves, deviations = half_widths(errors, np.ones(2, dtype=bool))

    assert (halves[1], deviations[1]) == (0, 0)
    assert halves[0] == pytest.approx(stats.norm.ppf(0.975), rel=0.01)


@pytest.mark.parametrize("freedom", [2, 5, 50])
def test_covariance_of_few_blocks_gives_students_t(freedom: int, rng: np.random.Generator) -> None:
    error = TestSetError(np.array([[4.0, 1.0], [1.0, 1.0]]), freedom)

    drawn_errors = draw_test_set_errors(error, np.array([[1.0, -1.0]]), rng, DRAWS)[:, 0]

    deviation = np.sqrt(4 + 1 - 2 * 1)
    for share in (0.683, 0.95):
        expected = deviation * stats.t.ppf(0.5 + share / 2, freedom)
        assert np.quantile(np.abs(drawn_errors), share) == pytest.approx(expected, rel=0.03)


def test_drawn_errors_have_the_correlation_of_the_comparisons(rng: np.random.Generator) -> None:
    error = TestSetError(np.diag([1.0, 3.0, 3.0]), 200)
    weights = np.array([[-1.0, 1, 0], [-1, 0, 1]])

    drawn_errors = draw_test_set_errors(error, weights, rng, DRAWS)

    assert np.corrcoef(drawn_errors.T)[0, 1] == pytest.approx(1 / 4, abs=0.01)


def test_comparison_that_no_test_set_changes_has_no_error(rng: np.random.Generator) -> None:
    error = TestSetError(np.ones((2, 2)), 10)

    drawn_errors = draw_test_set_errors(error, np.array([[1.0, -1.0], [1.0, 0.0]]), rng, 100)

    assert (drawn_errors[:, 0] == 0).all()
    assert (drawn_errors[:, 1] != 0).all()


def test_both_sources_are_added(rng: np.random.Generator) -> None:
    over_seeds = 0.3 * rng.normal(size=(DRAWS, 2))
    errors = Errors(over_seeds, TestSetError(0.16 * np.eye(2), 10_000))

    drawn_errors = errors.draw(np.array([[1.0, 0.0]]), rng, DRAWS)

    assert drawn_errors.std() == pytest.approx(0.5, rel=0.01)


def test_unknown_sources_give_an_error_of_zero(rng: np.random.Generator) -> None:
    assert (Errors(None, None).draw(np.eye(2), rng, 7) == np.zeros((7, 2))).all()


def test_larger_families_take_fewer_draws() -> None:
    assert number_of_draws(5, 10_000) == 10_000
    assert number_of_draws(5_000, 10_000) == 4_000
    assert number_of_draws(10**6, 10_000) == 2_000


def test_errors_of_all_cells_differ_as_their_contrasts_do(rng: np.random.Generator) -> None:
    """Two cells share nearly all of their error, and with 4 degrees of freedom its size varies."""
    covariance = np.array([[1.0, 0.98], [0.98, 1.0]])
    errors = Errors(None, TestSetError(covariance, freedom=4))

    cells = errors.draw_cells(rng, DRAWS)

    difference = cells[:, 0] - cells[:, 1]
    levels = np.array([0.5, 0.9, 0.975])
    expected = stats.t.ppf(levels, 4) * np.sqrt(0.04)
    assert np.quantile(difference, levels) == pytest.approx(expected, abs=0.006)


def test_errors_of_all_cells_add_both_sources(rng: np.random.Generator) -> None:
    over_seeds = rng.normal(size=(DRAWS, 2))
    test_sets = TestSetError(np.diag([3.0, 8.0]), freedom=1000)

    variances = Errors(over_seeds, test_sets).draw_cells(rng, DRAWS).var(axis=0)

    assert variances == pytest.approx([4, 9], rel=0.03)


def test_draws_do_not_depend_on_the_signs_of_eigenvectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linear algebra libraries choose them by the processor; a report is the same on all."""
    error = TestSetError(np.array([[1.0, 0.6, 0.1], [0.6, 1.0, 0.3], [0.1, 0.3, 2.0]]), 12)
    weights, eigh = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]), np.linalg.eigh
    first = draw_test_set_errors(error, weights, np.random.default_rng(0), 100)

    def flipped(matrix: Any) -> tuple[Any, Any]:
        values, vectors = eigh(matrix)
        return values, vectors * [-1, 1]

    monkeypatch.setattr(np.linalg, "eigh", flipped)
    second = draw_test_set_errors(error, weights, np.random.default_rng(0), 100)

    assert second == pytest.approx(first, rel=1e-9)
