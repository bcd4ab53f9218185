"""Families of contrasts, judged on drawn errors."""

import math

import numpy as np
import pytest

from reports.analysis.comparison import Estimate, judge_family

BOTH = ("seeds", "test set")


@pytest.fixture
def errors() -> np.ndarray:
    """Return draws of five independent standard normal errors."""
    return np.random.default_rng(0).normal(size=(50_000, 5))


def test_verdict_is_a_direction_exactly_where_the_interval_excludes_zero(
    errors: np.ndarray,
) -> None:
    means = [-8.0, -2.0, 0.0, 2.0, 8.0]

    comparisons = judge_family([Estimate(mean, 3, BOTH) for mean in means], errors)

    for comparison in comparisons:
        difference = comparison.difference
        excludes_zero = difference.low > 0 or difference.high < 0
        assert (comparison.verdict in ("better", "worse")) == excludes_zero
    assert [c.verdict for c in comparisons] == [
        "worse", "not separable", "not separable", "not separable", "better",
    ]  # fmt: skip


def test_contrasts_without_a_verdict_do_not_widen_the_family(errors: np.ndarray) -> None:
    judgeable = [Estimate(3.0, 3, BOTH), Estimate(1.0, 3, BOTH)]
    others = [
        Estimate(2.0, 2, BOTH),
        Estimate(2.0, 3, ("test set",)),
        Estimate(math.nan, 3, BOTH),
    ]

    pair = judge_family(judgeable, errors[:, :2])
    all_five = judge_family([*judgeable, *others], errors)

    assert all_five[:2] == pair
    assert [c.verdict for c in all_five[2:]] == ["no verdict"] * 3
    assert {c.family for c in all_five} == {2}


def test_difference_that_is_separable_alone_may_not_be_in_a_family(errors: np.ndarray) -> None:
    borderline = Estimate(2.2, 3, BOTH)

    single = judge_family([borderline], errors[:, :1])
    family = judge_family([borderline, *[Estimate(0.0, 3, BOTH)] * 4], errors)

    assert single[0].verdict == "better"
    assert family[0].verdict == "not separable"


def test_contrast_without_a_verdict_has_an_interval_of_its_own(errors: np.ndarray) -> None:
    (comparison,) = judge_family([Estimate(2.0, 1, ("test set",))], errors[:, :1])

    assert comparison.difference.low == pytest.approx(2.0 - 1.96, abs=0.03)
    assert comparison.verdict == "no verdict"


@pytest.mark.parametrize("estimate", [Estimate(2.0, 1, ()), Estimate(math.nan, 0, BOTH)])
def test_without_a_source_or_an_estimate_there_is_no_interval(
    estimate: Estimate, errors: np.ndarray
) -> None:
    (comparison,) = judge_family([estimate], errors[:, :1])

    difference = comparison.difference
    assert all(map(math.isnan, (difference.low, difference.high, difference.deviation)))
    assert comparison.verdict == "no verdict"


def test_margin_is_read_off_the_same_interval(errors: np.ndarray) -> None:
    estimates = [Estimate(0.0, 3, BOTH), Estimate(6.0, 3, BOTH), Estimate(20.0, 3, BOTH)]

    plain = judge_family(estimates, errors[:, :3])
    with_margin = judge_family(estimates, errors[:, :3], margin=10.0)

    assert [c.difference for c in plain] == [c.difference for c in with_margin]
    assert [c.verdict for c in with_margin] == [
        "equivalent within 1000", "better, by less than 1000", "better",
    ]  # fmt: skip


def test_no_estimates_give_no_comparisons() -> None:
    assert judge_family([], np.zeros((10, 0))) == []
