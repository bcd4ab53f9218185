"""Means, intervals and verdicts whose answer is known."""

import math

import numpy as np
import pytest
from scipy import stats

from reports.analysis.statistics import (
    BETTER,
    NO_VERDICT,
    NOT_SEPARABLE,
    WORSE,
    Variation,
    difference,
    holm,
    median_interval,
    median_ratio,
    relative_change,
    summarise,
    verdicts,
)


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


def test_seeds_alone_give_the_paired_t_interval() -> None:
    paired = [0.01, 0.03, 0.02]

    found = difference(paired)

    theirs = stats.ttest_1samp(paired, 0.0)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert found.covers == ("seeds",)


def test_both_variances_are_added_with_satterthwaites_freedom() -> None:
    found = difference([0.01, 0.03, 0.02], Variation(0.01**2 / 3, 20))

    assert found.deviation**2 == pytest.approx(2 * 0.01**2 / 3)
    assert found.freedom == pytest.approx(4 / (1 / 2 + 1 / 20))
    assert found.covers == ("seeds", "test set")


def test_one_seed_covers_the_test_set_alone() -> None:
    found = difference([0.02], Variation(0.01**2, 20))

    assert found.covers == ("test set",)
    assert found.interval() == pytest.approx((0.02 - 0.020860, 0.02 + 0.020860), abs=1e-6)


def test_one_seed_without_test_set_has_no_interval() -> None:
    found = difference([0.02])

    assert math.isnan(found.p_value)
    assert all(map(math.isnan, found.interval()))
    assert verdicts([found]) == [NO_VERDICT]


def test_no_shared_seed_is_no_difference() -> None:
    assert math.isnan(difference([], Variation(0.1, 3)).mean)


def test_identical_cells_are_not_separable() -> None:
    found = difference([0.0, 0.0, 0.0], Variation(0.0, 20))

    assert found.interval() == (0.0, 0.0)
    assert verdicts([found]) == [NOT_SEPARABLE]


def test_simultaneous_interval_is_wider() -> None:
    found = difference([0.01, 0.03, 0.02])

    plain, family = found.interval(), found.interval(comparisons=4)

    assert family[0] < plain[0] < plain[1] < family[1]


def test_verdicts_need_three_seeds_and_say_the_direction() -> None:
    clear, small = [0.10, 0.101, 0.099], [0.10, 0.101]
    found = [
        difference(clear),
        difference([-v for v in clear]),
        difference(small),
        difference([0.01, -0.01, 0.002]),
    ]

    assert verdicts(found) == [BETTER, WORSE, NO_VERDICT, NOT_SEPARABLE]


def test_a_comparison_that_holds_alone_may_not_hold_in_a_family() -> None:
    borderline = difference([0.010, 0.020, 0.014])
    others = [difference([0.001, -0.001, 0.0005]) for _ in range(5)]

    assert verdicts([borderline]) == [BETTER]
    assert verdicts([borderline, *others])[0] == NOT_SEPARABLE


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_ratios_are_paired_by_round_so_that_a_drift_cancels() -> None:
    drift = np.linspace(1, 3, 11)

    ratio, low, high = median_ratio(2 * drift, drift)

    assert (ratio, low, high) == pytest.approx((2, 2, 2))


def test_ratio_of_one_round_has_no_interval() -> None:
    ratio, low, high = median_ratio([3.0], [2.0])

    assert ratio == 1.5
    assert math.isnan(low)
    assert math.isnan(high)
    assert math.isnan(median_ratio([], [])[0])
    assert math.isnan(median_ratio([3.0, 3.0], [])[0])  # measured on its own


@pytest.mark.parametrize(
    ("value", "baseline", "percent"),
    [
        (0.7528, 0.7541, -0.172),  # APNB-TMANet against TMANet
        (0.7618, 0.7541, 1.021),  # Asym-TMANet against TMANet
        (49911, 52953, -5.745),  # training time of APNB against TMANet, seconds
        (66018, 52953, 24.67),  # Asym against TMANet
        (65728, 49911, 31.7),  # APNB with 3 frames and the current one against memory 4
    ],
)
def test_the_papers_own_numbers_come_out_as_printed(
    value: float, baseline: float, percent: float
) -> None:
    found = 100 * relative_change(value, baseline)

    digits = len(str(percent).partition(".")[2])
    assert round(found, digits) == percent


def test_median_of_rounds_has_an_interval() -> None:
    median, low, high = median_interval([4.0, 4.1, 4.2, 9.0, 4.1])

    assert median == 4.1
    assert 4.0 <= low <= 4.1 <= high <= 9.0
    assert median_interval([3.0])[0] == 3.0
    assert np.isnan(median_interval([3.0])[1:]).all()
    assert np.isnan(median_interval([])).all()
