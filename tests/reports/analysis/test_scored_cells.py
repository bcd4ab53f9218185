"""The scores of cells by seed, with errors whose size is computed by hand."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from reports.analysis.comparison import Contrast
from reports.analysis.inference import TestSetError
from reports.analysis.scored_cells import ScoredCells


def cells(
    scores: Mapping[str, Sequence[float | None]], over_test_sets: TestSetError | None = None
) -> ScoredCells:
    """Make cells of scores by seed, None where a trial is missing."""
    by_seed = {
        cell: {seed: score for seed, score in enumerate(row) if score is not None}
        for cell, row in scores.items()
    }
    return ScoredCells(by_seed, "base" in scores, over_test_sets)


def test_pair_of_cells_has_the_paired_t_interval() -> None:
    base, new = [0.40, 0.42, 0.44, 0.41, 0.43], [0.46, 0.47, 0.51, 0.46, 0.50]
    scored = cells({"base": base, "new": new})

    (comparison,) = scored.judge([scored.pair("new", "base")])

    differences = np.subtract(new, base)
    half = stats.sem(differences) * stats.t.ppf(0.975, 4)
    assert comparison.difference.mean == pytest.approx(differences.mean())
    assert comparison.difference.high - differences.mean() == pytest.approx(half, rel=0.1)
    assert (comparison.difference.seeds, comparison.verdict) == (5, "better")
    assert comparison.difference.covers == ("seeds",)


def test_equal_cells_are_a_tie_with_an_interval_of_no_width() -> None:
    row = [0.1 + 0.2, 0.42, 0.44]
    scored = cells({"base": row, "twin": [0.3, 0.42, 0.44]})

    (comparison,) = scored.judge([scored.pair("twin", "base")], margin=0.005)

    assert (comparison.difference.low, comparison.difference.high) == (0, 0)
    assert comparison.verdict == "equivalent within 0.5"
    assert scored.judge([scored.pair("twin", "base")])[0].verdict == "not separable"


def test_difference_that_is_equal_at_all_seeds_has_an_interval_of_no_width() -> None:
    scored = cells({"base": [0.40, 0.42, 0.44], "new": [0.45, 0.47, 0.49]})

    (comparison,) = scored.judge([scored.pair("new", "base")])

    assert comparison.difference.low == pytest.approx(0.05)
    assert comparison.difference.high == pytest.approx(0.05)
    assert comparison.verdict == "better"


def test_seed_that_a_cell_lacks_does_not_bias_its_difference() -> None:
    """The last two seeds are 20 points better; only the baseline has them."""
    scored = cells(
        {
            "base": [0.40, 0.41, 0.42, 0.61, 0.60],
            "new": [0.45, 0.46, 0.471, None, None],
            "other": [0.40, 0.412, 0.42, 0.60, 0.61],
        }
    )

    comparison, _ = scored.judge([scored.pair(c, "base") for c in ("new", "other")])

    assert comparison.difference.mean == pytest.approx(0.05, abs=0.003)
    assert (comparison.difference.seeds, comparison.verdict) == (3, "better")
    assert scored.means["base"] == pytest.approx(np.mean([0.40, 0.41, 0.42, 0.61, 0.60]))


def test_cells_without_a_common_seed_are_not_compared() -> None:
    scored = cells(
        {"base": [0.4, 0.42, None, None], "new": [None, None, 0.5, 0.52]},
        TestSetError(1e-4 * np.eye(2), 20),
    )

    (comparison,) = scored.judge([scored.pair("new", "base")])

    assert math.isnan(comparison.difference.mean)
    assert math.isnan(comparison.difference.low)
    assert (comparison.difference.seeds, comparison.verdict) == (0, "no verdict")


def test_cells_are_linked_through_a_third_one() -> None:
    """Both share seeds only with the third cell."""
    scored = cells(
        {
            "base": [0.40, 0.42, None, None],
            "new": [None, None, 0.50, 0.52],
            "link": [0.42, 0.44, 0.45, 0.47],
        }
    )

    new_to_base, link_to_base = scored.judge(
        [scored.pair("new", "base"), scored.pair("link", "base")]
    )

    assert new_to_base.difference.mean == pytest.approx(0.02 + 0.05)
    assert new_to_base.verdict == "no verdict"
    assert link_to_base.difference.mean == pytest.approx(0.02)


def test_one_shared_seed_gives_the_difference_at_that_seed() -> None:
    scored = cells({"base": [0.40, 0.60, None], "new": [None, 0.65, 0.10]})

    (comparison,) = scored.judge([scored.pair("new", "base")])

    assert comparison.difference.mean == pytest.approx(0.05)
    assert (comparison.difference.seeds, comparison.verdict) == (1, "no verdict")
    assert math.isnan(comparison.difference.low)


def test_interval_of_one_seed_covers_only_the_test_set() -> None:
    scored = cells({"base": [0.40], "new": [0.45]}, TestSetError(1e-4 * np.eye(2), 20))

    (comparison,) = scored.judge([scored.pair("new", "base")])

    half = math.sqrt(2e-4) * stats.t.ppf(0.975, 20)
    assert comparison.difference.covers == ("test set",)
    assert comparison.difference.high == pytest.approx(0.05 + half, rel=0.02)
    assert comparison.verdict == "no verdict"


def test_one_seed_without_a_test_set_has_no_interval() -> None:
    scored = cells({"base": [0.40], "new": [0.45]})

    (comparison,) = scored.judge([scored.pair("new", "base")])

    assert comparison.difference.mean == pytest.approx(0.05)
    assert comparison.difference.covers == ()
    assert math.isnan(comparison.difference.low)


def test_both_sources_widen_the_interval() -> None:
    rows = {"base": [0.40, 0.42, 0.44, 0.41], "new": [0.46, 0.47, 0.51, 0.46]}

    def half(over_test_sets: TestSetError | None) -> float:
        scored = cells(rows, over_test_sets)
        (comparison,) = scored.judge([scored.pair("new", "base")])
        return comparison.difference.high - comparison.difference.mean

    error = TestSetError(1e-4 * np.eye(2), 200)
    half_over_test_sets = math.sqrt(2e-4) * 1.97
    assert max(half(None), half_over_test_sets) < half(error) < half(None) + half_over_test_sets


def test_two_seeds_have_an_interval_and_no_verdict() -> None:
    scored = cells({"base": [0.40, 0.42], "new": [0.50, 0.53]})

    (comparison,) = scored.judge([scored.pair("new", "base")])

    assert comparison.verdict == "no verdict"
    assert comparison.difference.covers == ("seeds",)
    assert comparison.difference.low < 0.115 < comparison.difference.high


def test_mean_of_pairs_with_one_seed_each_has_no_interval() -> None:
    """Two pairs with one seed each: nothing shows the spread over seeds."""
    scored = cells(
        {
            "a": [0.40, None, None, None, None],
            "b": [0.45, None, None, None, None],
            "c": [None, 0.40, None, None, None],
            "d": [None, 0.45, None, None, None],
            "e": [None, None, 0.40, 0.42, 0.44],
            "f": [None, None, 0.45, 0.46, 0.50],
        }
    )
    weights = {"b": 0.5, "a": -0.5, "d": 0.5, "c": -0.5}

    (comparison,) = scored.judge([Contrast(weights, seeds=3)])

    assert comparison.difference.mean == pytest.approx(0.05)
    assert comparison.difference.covers == ()
    assert comparison.verdict == "no verdict"


def test_the_same_scores_give_the_same_interval() -> None:
    rows = {"base": [0.40, 0.42, 0.44], "new": [0.46, 0.47, 0.51], "more": [0.40, 0.43, 0.41]}
    one, two = cells(rows), cells(rows)

    assert one.judge([one.pair("new", "base")]) == two.judge([two.pair("new", "base")])


def test_no_cells_give_no_comparisons() -> None:
    assert cells({}).judge([]) == []
    assert cells({}).means == {}


def test_cell_with_one_seed_is_not_judged_by_the_seeds_of_other_cells() -> None:
    scores = {cell: dict.fromkeys(range(5), 0.4) for cell in "abc"} | {"d": {0: 0.5}}
    scored = ScoredCells(scores, True, None, 100)

    assert scored.contrast({"a": 1.0, "d": -1.0}, {0, 1, 2, 3, 4}).seeds == 1
    assert scored.contrast({"a": 1.0, "b": 1.0, "c": -1.0, "d": -1.0}, {0, 1, 2}).seeds == 1
    assert scored.contrast({"a": 2.0, "b": -1.0, "c": -1.0}, {0, 1, 2}).seeds == 3


def test_cells_with_few_seeds_are_not_ranked_beside_others() -> None:
    rng = np.random.default_rng(0)
    scores = {cell: dict(enumerate(rng.normal(0.4, 0.01, 5).tolist())) for cell in "ab"}
    scores["c"] = {0: 0.45}

    shares = ScoredCells(scores, True, None, 1000).estimate_best_shares()

    assert list(shares) == ["a", "b"]
    assert sum(shares.values()) == pytest.approx(1)
