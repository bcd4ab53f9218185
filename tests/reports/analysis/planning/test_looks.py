"""Planned looks: the confidence of each, and the verdicts of an incomplete study."""

import numpy as np
import pytest

from reports.analysis.families.classes import compare_classes
from reports.analysis.inference import TestSetError
from reports.analysis.planning.looks import compute_growing_confidences, compute_look_confidence
from reports.analysis.study import Study
from reports.analysis.verdict import BETTER, INTERIM
from reports.records import ExperimentRecord
from tests.reports.conftest import finished_run, record

LOOKS = (3, 5, 7, 10)
PAIR = np.array([[1.0, -1.0]])


def confidence(test_set_variance: float, looks: tuple[int, ...] = LOOKS) -> float:
    """Return the confidence of each look at two cells whose variance over seeds is 1."""
    error = TestSetError(test_set_variance * np.eye(2), 23) if test_set_variance else None
    rng = np.random.default_rng(0)
    return compute_look_confidence(looks, np.ones(2), error, PAIR, rng)


def test_single_look_spends_the_whole_error() -> None:
    assert confidence(0.0, ()) == confidence(0.0, (5,)) == 0.95


def test_looks_cost_little_if_the_test_set_dominates() -> None:
    """Looks then share their error. If seeds dominate, their errors are nearly independent."""
    levels = [1 - confidence(variance) for variance in (0.0, 0.2, 1000.0)]

    assert levels == sorted(levels)
    assert 0.0125 <= levels[0] < 0.02
    assert levels[-1] > 0.03


def test_each_look_gets_less_error_if_there_are_more() -> None:
    assert confidence(0.0, (3, 10)) < confidence(0.0, LOOKS)


def test_looks_together_keep_the_error_level_if_seeds_dominate() -> None:
    """Independent check: a paired t-test at each look, on data without a difference."""
    from scipy import stats

    rng = np.random.default_rng(1)
    differences = rng.normal(size=(20_000, LOOKS[-1]))
    level = 1 - confidence(0.0)

    p_values = [stats.ttest_1samp(differences[:, :seeds], 0, axis=1).pvalue for seeds in LOOKS]

    assert (np.min(p_values, axis=0) < level).mean() == pytest.approx(0.05, abs=0.008)


def levels(test_set_variance: float, looks: tuple[int, ...] = LOOKS) -> list[float]:
    """Return the error of each look at two cells whose variance over seeds is 1."""
    error = TestSetError(test_set_variance * np.eye(2), 23) if test_set_variance else None
    rng = np.random.default_rng(0)
    return [1 - c for c in compute_growing_confidences(looks, np.ones(2), error, PAIR, rng)]


def test_growing_levels_leave_most_of_the_error_for_the_last_look() -> None:
    growing = levels(0.0)

    assert growing == sorted(growing)
    assert growing[0] == pytest.approx(0.003)
    assert 2 * (1 - confidence(0.0)) < growing[-1] < 0.05


def test_growing_levels_are_nearly_equal_if_the_test_set_dominates() -> None:
    """The first look then knows nearly as much as the last."""
    growing = levels(1000.0)

    assert growing[-1] - growing[0] < 0.006
    assert growing[0] > 0.03


def test_growing_levels_of_a_single_look() -> None:
    assert levels(0.0, ()) == levels(0.0, (5,)) == [pytest.approx(0.05)]


def test_growing_levels_together_keep_the_error_level() -> None:
    from scipy import stats

    rng = np.random.default_rng(1)
    differences = rng.normal(size=(20_000, LOOKS[-1]))

    p_values = [stats.ttest_1samp(differences[:, :seeds], 0, axis=1).pvalue for seeds in LOOKS]

    is_false = (np.array(p_values) < np.array(levels(0.0))[:, None]).any(axis=0)
    assert is_false.mean() == pytest.approx(0.05, abs=0.008)


def two_cells(**changes: object) -> ExperimentRecord:
    """Make an experiment of two cells that clearly differ."""
    scores = {"base": (0.40, 0.42, 0.44), "new": (0.50, 0.51, 0.52)}
    runs = [
        finished_run(cell, seed, miou)
        for cell, by_seed in scores.items()
        for seed, miou in enumerate(by_seed)
    ]
    return record(runs, **changes)


def test_planned_looks_widen_the_intervals_of_a_study() -> None:
    plain, planned = Study(two_cells()), Study(two_cells(looks=LOOKS))

    widths = [
        study.against_baseline["new"].difference.high - study.against_baseline["new"].difference.low
        for study in (plain, planned)
    ]

    assert plain.confidence == 0.95
    assert 0.98 < planned.confidence < 0.9875
    assert widths[1] > 1.2 * widths[0]


def test_interim_study_gives_no_verdict() -> None:
    plain, interim = Study(two_cells()), Study(two_cells(interim="1 of 6 trials has not finished"))

    assert plain.against_baseline["new"].verdict == BETTER
    assert interim.against_baseline["new"].verdict == INTERIM
    assert interim.against_baseline["new"].difference == plain.against_baseline["new"].difference
    assert compare_classes(interim)["new"]["road"].verdict == INTERIM
