"""Contrasts of cells, on records with known answers."""

from typing import Any

import numpy as np
import pytest

from reports.analysis.bootstrap import iou, mean_over_classes
from reports.analysis.families.best_two import compare_best_two
from reports.analysis.families.classes import compare_classes
from reports.analysis.study import Study
from reports.analysis.verdict import BETTER, NO_VERDICT, NOT_SEPARABLE
from reports.records import RunRecord
from tests.reports.conftest import finished_run, record

FRAMES = [f"{sequence}/{n:06d}" for sequence in "abcd" for n in range(10)]


def trial_with_accuracy(cell: str, seed: int, right: float, **changes: Any) -> RunRecord:
    """Make a trial that gets about a share `right` of the pixels of both classes right."""
    rng = np.random.default_rng([seed, round(1000 * right)])
    shares = np.clip(right + rng.normal(0, 0.02, (40, 2)), 0, 1)
    counts = (100 * shares).round().astype(np.int64)
    confusions = np.empty((40, 2, 2), dtype=np.int64)
    confusions[:, [0, 1], [0, 1]] = counts
    confusions[:, [0, 1], [1, 0]] = 100 - counts
    values = iou(confusions)
    changes = {
        "iou": {"road": values[0], "sky": values[1]},
        "frames": FRAMES,
        "classes": ["road", "sky"],
        "confusions": confusions,
        **changes,
    }
    return finished_run(cell, seed, float(mean_over_classes(values)), **changes)


def study(*runs: RunRecord) -> Study:
    return Study(record(runs), draws=200)


def test_clear_difference_is_better_and_its_interval_covers_both_sources() -> None:
    runs = [
        trial_with_accuracy(c, s, r) for c, r in (("base", 0.7), ("new", 0.8)) for s in range(3)
    ]

    comparison = study(*runs).against_baseline["new"]

    assert comparison.verdict == BETTER
    assert comparison.difference.covers == ("seeds", "test set")
    difference = comparison.difference
    assert 0.05 < difference.low < difference.mean < difference.high < 0.2


def test_cell_compared_with_itself_is_not_separable() -> None:
    base = [trial_with_accuracy("base", seed, 0.7) for seed in range(3)]
    twin = [trial_with_accuracy("twin", seed, 0.7) for seed in range(3)]

    comparison = study(*base, *twin).against_baseline["twin"]

    assert comparison.difference.mean == 0
    assert comparison.verdict == NOT_SEPARABLE


def test_one_seed_has_an_interval_over_test_sets_and_no_verdict() -> None:
    comparison = study(
        trial_with_accuracy("base", 0, 0.7), trial_with_accuracy("new", 0, 0.8)
    ).against_baseline["new"]

    assert comparison.difference.covers == ("test set",)
    assert comparison.verdict == NO_VERDICT


@pytest.mark.parametrize("changes", [{"confusions": None}, {"frames": FRAMES[::-1]}])
def test_without_a_common_test_set_intervals_cover_only_seeds(changes: dict[str, Any]) -> None:
    base = [trial_with_accuracy("base", seed, 0.7) for seed in range(3)]
    new = [trial_with_accuracy("new", seed, 0.8, **changes) for seed in range(3)]

    comparison = study(*base, *new).against_baseline["new"]

    assert comparison.difference.covers == ("seeds",)


def test_cells_scored_on_different_data_have_no_common_test_set() -> None:
    runs = [
        trial_with_accuracy("base", 0, 0.7),
        trial_with_accuracy("new", 0, 0.8, data_fingerprint="e" * 64),
    ]

    assert study(*runs).test_sets is None


def test_only_shared_seeds_are_compared() -> None:
    runs = [trial_with_accuracy("base", s, 0.7) for s in (0, 1)] + [
        trial_with_accuracy("new", s, 0.8) for s in (1, 2)
    ]

    assert study(*runs).against_baseline["new"].difference.seeds == 1


def test_cell_without_a_result_is_not_compared() -> None:
    failed = RunRecord("new", 0, "x", "FAILED", settings={})

    assert study(trial_with_accuracy("base", 0, 0.7), failed).against_baseline == {}


def test_nothing_is_compared_with_a_baseline_without_a_result() -> None:
    failed = RunRecord("base", 0, "x", "FAILED", settings={})

    assert study(failed, trial_with_accuracy("new", 0, 0.7)).against_baseline == {}
    assert compare_classes(study(failed, trial_with_accuracy("new", 0, 0.7))) == {}


def test_best_is_compared_with_the_runner_up() -> None:
    runs = [
        trial_with_accuracy(cell, seed, right)
        for cell, right in (("base", 0.7), ("low", 0.6), ("high", 0.8))
        for seed in range(3)
    ]

    best_two = compare_best_two(study(*runs))

    assert best_two is not None
    assert best_two[:2] == ("high", "base")
    assert best_two[2].verdict == BETTER


def test_single_cell_has_no_runner_up() -> None:
    assert compare_best_two(study(trial_with_accuracy("base", 0, 0.7))) is None


def test_classes_are_one_family_with_intervals_of_their_own() -> None:
    runs = [
        trial_with_accuracy(c, s, r) for c, r in (("base", 0.7), ("new", 0.8)) for s in range(3)
    ]

    comparisons = compare_classes(study(*runs))["new"]

    assert set(comparisons) == {"road", "sky"}
    assert comparisons["sky"].family == 2
    assert comparisons["sky"].difference.mean == pytest.approx(
        np.mean([runs[3 + s].iou["sky"] - runs[s].iou["sky"] for s in range(3)])
    )


def test_class_without_an_iou_is_not_compared() -> None:
    base = trial_with_accuracy("base", 0, 0.7)
    new = trial_with_accuracy("new", 0, 0.8, iou={"road": 0.5})

    assert list(compare_classes(study(base, new))["new"]) == ["road"]
