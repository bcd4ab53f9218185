import math

import pytest

from reports.statistics import relative_change, summarise


def test_mean_and_sample_deviation() -> None:
    found = summarise([0.40, 0.42, 0.44])

    assert (found.mean, found.std, found.n) == (pytest.approx(0.42), pytest.approx(0.02), 3)


def test_one_value_has_no_deviation() -> None:
    found = summarise([0.4])

    assert (found.mean, found.n) == (0.4, 1)
    assert math.isnan(found.std)


@pytest.mark.parametrize("values", [[], [None], [math.nan, None]])
def test_nothing_known_is_nan_not_zero(values: list[float | None]) -> None:
    found = summarise(values)

    assert found.n == 0
    assert math.isnan(found.mean)


def test_what_is_missing_is_left_out() -> None:
    assert summarise([0.2, None, math.nan, math.inf, 0.4]).mean == pytest.approx(0.3)


def test_relative_change() -> None:
    assert relative_change(75.0, 60.0) == pytest.approx(0.25)
    assert math.isnan(relative_change(1.0, 0.0))
    assert math.isnan(relative_change(math.nan, 2.0))
