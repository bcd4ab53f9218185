"""Simulated studies that grow from look to look."""

import numpy as np
import pytest

from reports.analysis.planning.adaptive import GrowingStudies, Outcomes
from reports.analysis.planning.power import Variation

LOOKS = (3, 5, 7)


@pytest.fixture(scope="module")
def studies() -> GrowingStudies:
    """Forty studies of three cells whose seeds deviate by 1."""
    variation = Variation(1.0, over_test_sets=0.1, freedom=23)
    return GrowingStudies(LOOKS, variation, np.ones(3), 40, np.random.default_rng(0), 400, 2)


@pytest.mark.slow
def test_huge_differences_are_settled_at_the_first_look(studies: GrowingStudies) -> None:
    grown = studies.grow(np.array([100.0, -100.0]))

    assert (grown.directions == [1, -1]).all()
    assert (grown.looks == 1).all()
    assert (grown.trainings == 9).all()
    assert studies.most_trainings == 21


@pytest.mark.slow
def test_cell_that_is_settled_leaves_the_others_and_the_baseline_to_go_on(
    studies: GrowingStudies,
) -> None:
    grown = studies.grow(np.array([100.0, 0.0]))

    goes_on = grown.looks[:, 1] == 3
    assert goes_on.mean() > 0.8
    assert set(grown.trainings[goes_on]) == {3 + 7 + 7}


@pytest.mark.slow
def test_ties_get_all_seeds_and_seldom_a_verdict(studies: GrowingStudies) -> None:
    grown = studies.grow(np.zeros(2))

    assert grown.are_false(np.zeros(2)).mean() < 0.2
    assert np.median(grown.trainings) == studies.most_trainings


def test_wide_margin_settles_ties(studies: GrowingStudies) -> None:
    grown = studies.grow(np.zeros(2), margin=100.0)

    assert (grown.equivalent | (grown.directions != 0)).all()
    assert (grown.trainings == 9).all()


@pytest.mark.slow
def test_fixed_design_trains_everything(studies: GrowingStudies) -> None:
    once = studies.judge_once(np.array([100.0, 0.0]), margin=200.0)

    assert (once.trainings == 21).all()
    assert (once.directions[:, 0] == 1).all()
    assert once.equivalent[:, 1].mean() > 0.8


def test_false_and_right_verdicts_are_told_apart() -> None:
    outcomes = Outcomes(
        directions=np.array([[1, 0], [-1, 0], [0, 1], [0, 0]]),
        equivalent=np.array([[False, False]] * 3 + [[True, False]]),
        looks=np.ones((4, 2), dtype=np.int64),
        trainings=np.ones(4, dtype=np.int64),
    )
    differences = np.array([0.5, 0.0])

    assert outcomes.are_false(differences).tolist() == [False, True, True, False]
    assert outcomes.are_false(differences, margin=0.5).tolist() == [False, True, True, True]
    right = np.array([[True, False], [False, False], [False, False], [False, False]])
    assert (outcomes.are_right(differences) == right).all()
    right[3, 0] = True
    assert (outcomes.are_right(differences, margin=0.6) == right).all()
