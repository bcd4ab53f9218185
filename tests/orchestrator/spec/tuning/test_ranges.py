"""What a search may choose a setting from."""

import re
from typing import Any

import pytest

from orchestrator.spec.tuning.ranges import Choice, Interval, parse_range


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (0.1, "'dropout' must be a list of values such as [0, 0.01], or a range such as"),
        ([0.1], "'dropout' must have 2 to 100 values (got 1); state a single one in base"),
        ([0.1, 0.1], "'dropout' lists a value twice"),
        ([0, 0.0], "'dropout' lists a value twice"),
        ({"loguniform": [1, 2]}, "unknown kind of range 'loguniform': did you mean 'log_uniform'?"),
        ({"uniform": [0.5, 0.1]}, "uniform needs two numbers, the smaller one first, such as"),
        ({"uniform": [0, 0.5, 1]}, "(got [0, 0.5, 1])"),
        ({"log_uniform": [0, 0.1]}, "log_uniform needs numbers above 0 (got [0, 0.1]); to try 0"),
        ({"integer": [1, 2.5]}, "integer needs whole numbers (got [1, 2.5])"),
        ({"uniform": [0, 10**400]}, "uniform needs two numbers"),
        ({"uniform": ["a", True]}, "uniform needs two numbers"),
    ],
)
def test_invalid_range_is_explained(content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_range("dropout", content)


def test_value_too_large_for_any_setting_is_left_to_the_setting() -> None:
    assert parse_range("dropout", [0, 10**400]) == Choice((0, 10**400))


@pytest.mark.parametrize(
    ("value", "border"), [(1e-4, "lower"), (1.1e-4, "lower"), (1e-3, None), (9.9e-3, "upper")]
)
def test_optimum_at_the_border_of_a_range_is_found(value: float, border: str | None) -> None:
    assert Interval("log_uniform", 1e-4, 1e-2).find_border(value) == border


@pytest.mark.parametrize(("value", "border"), [(0, None), (0.1, None), (0.2, "upper")])
def test_zero_is_no_border_as_nothing_lies_below(value: float, border: str | None) -> None:
    assert Choice((0, 0.1, 0.2)).find_border(value) == border


@pytest.mark.parametrize("values", [(1, 2), ("adamw", "sgd", "other"), (True, False)])
def test_few_values_and_words_have_no_border(values: tuple[Any, ...]) -> None:
    assert Choice(values).find_border(values[0]) is None


def test_drawn_number_is_rounded_but_stays_in_the_range() -> None:
    interval = Interval("uniform", 0.123412, 0.7)

    assert interval.clip(0.654321) == 0.6543
    assert interval.clip(0.123413) == 0.123412


def test_middle_of_a_logarithmic_range_is_the_geometric_mean() -> None:
    assert Interval("log_uniform", 1e-4, 1e-2).middle() == 1e-3
