"""The score to expect of a search with a given budget."""

import itertools

import pytest

from reports.analysis.tuning.searches import expect_best


def test_expected_best_is_the_mean_over_all_draws() -> None:
    scores = [0.5, 0.1, 0.4]

    expected = [
        sum(map(max, itertools.product(scores, repeat=draws))) / 3**draws for draws in (1, 2, 3)
    ]

    assert expect_best(scores) == pytest.approx(expected)


def test_expected_best_of_equal_scores_is_that_score() -> None:
    assert expect_best([0.3, 0.3]) == pytest.approx([0.3, 0.3])
