"""Summaries of measurements with known answers."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from reports.analysis.statistics import (
    median_interval,
    median_ratio,
    relative_change,
    summarise,
)


def test_mean_and_sample_deviation() -> None:
    summary = summarise([0.40, 0.42, 0.44])

    assert (summary.mean, summary.std, summary.n) == (pytest.approx(0.42), pytest.approx(0.02), 3)


def test_one_value_has_no_deviation() -> None:
    summary = summarise([0.4])

    assert (summary.mean, summary.n) == (0.4, 1)
    assert math.isnan(summary.std)


@pytest.mark.parametrize("values", [[], [None], [math.nan, None]])
def test_mean_of_no_values_is_nan_instead_of_zero(values: list[float | None]) -> None:
    summary = summarise(values)

    assert summary.n == 0
    assert math.isnan(summary.mean)


def test_missing_values_are_left_out() -> None:
    assert summarise([0.2, None, math.nan, math.inf, 0.4]).mean == pytest.approx(0.3)


def test_relative_change_is_nan_without_a_baseline() -> None:
    assert relative_change(75.0, 60.0) == pytest.approx(0.25)
    assert math.isnan(relative_change(1.0, 0.0))
    assert math.isnan(relative_change(math.nan, 2.0))


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
def test_relative_changes_equal_those_printed_in_the_paper(
    value: float, baseline: float, percent: float
) -> None:
    change = 100 * relative_change(value, baseline)

    digits = len(str(percent).partition(".")[2])
    assert round(change, digits) == percent


def correlated_rounds(processes: int, rounds: int, process_deviation: float) -> NDArray[np.float64]:
    """Draw latencies with a drift (autocorrelation 0.6 at lag 1) and an offset of each process."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2000, processes * rounds))
    drift = noise.copy()
    for place in range(1, processes * rounds):
        drift[:, place] = 0.6 * drift[:, place - 1] + 0.8 * noise[:, place]
    offsets = rng.normal(scale=process_deviation or 1e-9, size=(2000, processes))
    return 10 * np.exp(0.02 * (drift + np.repeat(offsets, rounds, axis=1)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processes", "rounds", "process_deviation"), [(3, 10, 0.0), (3, 10, 1.0), (1, 30, 0.0)]
)
def test_interval_of_correlated_rounds_covers_the_true_latency(
    processes: int, rounds: int, process_deviation: float
) -> None:
    """The nominal coverage is 95 %. A bootstrap of the rounds covered 71, 57 and 71 %."""
    studies = correlated_rounds(processes, rounds, process_deviation)

    ends = [median_interval(study)[1:] for study in studies]

    coverage = np.mean([low <= 10 <= high for low, high in ends])
    assert 0.92 < coverage < 0.97


def test_interval_does_not_shrink_with_rounds_that_repeat_each_other() -> None:
    rounds = [4.0, 4.4, 4.2]
    repeated_rounds = np.repeat(rounds, 10)

    assert median_interval(repeated_rounds) == pytest.approx(median_interval(rounds))


def test_median_of_rounds_has_an_interval() -> None:
    median, low, high = median_interval([4.0, 4.1, 4.2, 9.0, 4.1])

    assert median == 4.1
    assert low < 4.1 < high
    assert median_interval([3.0])[0] == 3.0
    assert np.isnan(median_interval([3.0])[1:]).all()
    assert np.isnan(median_interval([])).all()
