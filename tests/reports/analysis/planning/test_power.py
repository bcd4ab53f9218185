"""The seeds that a comparison needs, and the differences that a design can separate."""

import math

import numpy as np
import pytest

from reports.analysis.planning.power import (
    Variation,
    count_more_seeds,
    estimate_typical_variation,
    find_separable_difference,
)
from reports.analysis.study import Study
from reports.records import ExperimentRecord
from tests.reports.conftest import finished_run, record


def study(difference: float, seeds: int = 5, deviation: float = 0.01) -> ExperimentRecord:
    """Make two cells whose residuals are the same at every difference."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(2, seeds)) * deviation
    noise -= noise.mean(axis=1, keepdims=True)
    return record(
        [finished_run("base", seed, 0.5 + noise[0, seed]) for seed in range(seeds)]
        + [finished_run("new", seed, 0.5 + difference + noise[1, seed]) for seed in range(seeds)]
    )


def more_seeds(difference: float, **changes: int) -> float:
    """Return how many more seeds the second cell of such a study needs."""
    return count_more_seeds(Study(study(difference, **changes)))["new"]


def test_separable_cell_needs_no_more_seeds() -> None:
    assert more_seeds(0.2) == 0


@pytest.mark.slow
def test_smaller_differences_need_more_seeds() -> None:
    numbers = [more_seeds(difference) for difference in (0.010, 0.006, 0.003)]

    assert 1 <= numbers[0] < numbers[1] < numbers[2] < math.inf
    assert all(number == int(number) for number in numbers)


def test_number_of_seeds_agrees_with_a_larger_study() -> None:
    """With equal deviations, a study with that many seeds just separates the difference."""
    difference, seeds = 0.008, 5
    larger = seeds + int(more_seeds(difference))

    estimate = Study(study(difference, seeds=larger)).against_baseline["new"].difference

    assert (estimate.high - estimate.low) / 2 == pytest.approx(difference, rel=0.35)


def test_number_of_seeds_is_unknown_from_a_single_seed() -> None:
    assert math.isnan(more_seeds(0.1, seeds=1))


def test_no_number_of_seeds_separates_equal_cells() -> None:
    assert more_seeds(0.0) == math.inf


def test_equivalent_cell_needs_no_more_seeds() -> None:
    from dataclasses import replace

    equal = replace(study(0.0), margin_points=20.0)

    assert count_more_seeds(Study(equal)) == {"new": 0}


def test_typical_variance_is_that_of_one_training_run() -> None:
    variation = estimate_typical_variation(Study(study(0.1, seeds=20)))

    assert variation is not None
    assert math.sqrt(variation.over_seeds) == pytest.approx(0.01, rel=0.4)
    assert variation.over_test_sets == 0


@pytest.mark.slow
def test_separable_difference_of_one_pair_is_that_of_a_t_test() -> None:
    """Independent check: a paired t-test of 10 seeds has 80 % power at 1.0 deviations."""
    difference = find_separable_difference(Variation(0.5), cells=2, seeds=10)

    assert difference == pytest.approx(1.0, rel=0.15)


@pytest.mark.slow
def test_more_seeds_separate_smaller_differences_until_the_test_set_dominates() -> None:
    variation = Variation(over_seeds=1.0, over_test_sets=1.0, freedom=30)
    differences = [find_separable_difference(variation, 3, seeds) for seeds in (3, 10, 40)]

    assert differences[0] > differences[1] > differences[2] > 2.5
