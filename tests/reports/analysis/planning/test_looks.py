"""Planned looks: the level of each, and the verdicts of a study that is not complete."""

import numpy as np
import pytest

from reports.analysis.inference import TestSetError
from reports.analysis.planning.looks import confidence_of_a_look
from reports.analysis.study import Study, compare_classes
from reports.analysis.verdict import BETTER, INTERIM
from reports.records import ExperimentRecord
from tests.reports.conftest import finished, record

LOOKS = (3, 5, 7, 10)
PAIR = np.array([[1.0, -1.0]])


def confidence(test_set_variance: float, looks: tuple[int, ...] = LOOKS) -> float:
    error = TestSetError(test_set_variance * np.eye(2), 23) if test_set_variance else None
    rng = np.random.default_rng(0)
    return confidence_of_a_look(looks, np.ones(2), error, PAIR, rng)


def test_a_single_look_has_the_whole_error() -> None:
    assert confidence(0.0, ()) == confidence(0.0, (5,)) == 0.95


def test_a_test_set_that_dominates_makes_looks_nearly_free() -> None:
    """Every look then sees the same error; where seeds dominate, looks err independently."""
    by_share = [1 - confidence(variance) for variance in (0.0, 0.2, 1000.0)]

    assert by_share == sorted(by_share)
    assert 0.0125 <= by_share[0] < 0.02
    assert by_share[-1] > 0.03


def test_more_looks_leave_less_error_to_each() -> None:
    assert confidence(0.0, (3, 10)) < confidence(0.0, LOOKS)


def test_looks_together_keep_the_error_where_seeds_dominate() -> None:
    """Known without the code: paired t at each look, on numbers without a difference."""
    from scipy import stats

    rng = np.random.default_rng(1)
    differences = rng.normal(size=(20_000, LOOKS[-1]))
    level = 1 - confidence(0.0)

    p_values = [stats.ttest_1samp(differences[:, :seeds], 0, axis=1).pvalue for seeds in LOOKS]

    assert (np.min(p_values, axis=0) < level).mean() == pytest.approx(0.05, abs=0.008)


def two_cells(**changes: object) -> ExperimentRecord:
    scores = {"base": (0.40, 0.42, 0.44), "new": (0.50, 0.51, 0.52)}
    runs = [
        finished(cell, seed, miou)
        for cell, by_seed in scores.items()
        for seed, miou in enumerate(by_seed)
    ]
    return record(runs, **changes)


def test_planned_looks_widen_the_intervals_of_a_study() -> None:
    plain, looked = Study(two_cells()), Study(two_cells(looks=LOOKS))

    widths = [
        study.against_baseline["new"].difference.high - study.against_baseline["new"].difference.low
        for study in (plain, looked)
    ]

    assert plain.confidence == 0.95
    assert 0.98 < looked.confidence < 0.9875
    assert widths[1] > 1.2 * widths[0]


def test_interim_study_gives_no_verdict() -> None:
    plain, interim = Study(two_cells()), Study(two_cells(interim="1 of 6 trials has not finished"))

    assert plain.against_baseline["new"].verdict == BETTER
    assert interim.against_baseline["new"].verdict == INTERIM
    assert interim.against_baseline["new"].difference == plain.against_baseline["new"].difference
    assert compare_classes(interim)["new"]["road"].verdict == INTERIM
