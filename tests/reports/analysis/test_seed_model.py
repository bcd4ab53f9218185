"""The errors of cell means over seeds."""

import math

import numpy as np
import pytest
from scipy import stats

from reports.analysis.seed_model import fit_means, sample_seed_errors


def half_width(scores: np.ndarray, weights: list[float], share: float = 0.95) -> float:
    """Return the half width of a contrast, from many draws."""
    fit = sample_seed_errors(scores[None], 60_000, np.random.default_rng(1), chains=3000)
    return float(np.quantile(np.abs(fit.errors[:, 0] @ weights), share))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("share", [0.683, 0.95])
def test_two_cells_have_the_paired_t_interval(seeds: int, share: float) -> None:
    """The prior does not depend on the scale, and neither does Student's t."""
    scores = np.random.default_rng(seeds).normal(0.5, 0.02, (2, seeds))
    differences = scores[1] - scores[0]

    half = half_width(scores, [-1.0, 1.0], share)

    expected = stats.sem(differences) * stats.t.ppf(0.5 + share / 2, seeds - 1)
    assert half == pytest.approx(expected, rel=0.05)


@pytest.mark.slow
def test_interval_scales_with_the_scores_and_ignores_their_level() -> None:
    scores = np.random.default_rng(0).normal(size=(4, 3))

    half = half_width(scores, [-1, 1, 0, 0])

    assert half_width(50 + 1e-3 * scores, [-1, 1, 0, 0]) == pytest.approx(1e-3 * half, rel=1e-6)


@pytest.mark.slow
def test_effect_of_a_seed_on_all_cells_cancels() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 4))
    shifted = scores + np.array([5.0, -3.0, 0.0, 8.0])

    assert half_width(shifted, [-1, 0, 1]) == pytest.approx(
        half_width(scores, [-1, 0, 1]), rel=0.05
    )


@pytest.mark.slow
def test_many_cells_that_resemble_each_other_narrow_the_interval() -> None:
    """The degrees of freedom of a single pair are replaced by those of all cells."""
    scores = np.random.default_rng(3).normal(0, 1, (15, 3))
    scores[:2] = [[0.0, 1.0, -1.0], [1.0, -1.0, 0.0]]

    halves = [half_width(scores[:count], [-1, 1] + [0] * (count - 2)) for count in (2, 15)]

    assert halves[1] < 0.8 * halves[0]


@pytest.mark.slow
def test_noisy_cell_has_a_wider_interval_than_a_quiet_one() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(8, 10)) * np.array([1, 8, 1, 1, 1, 1, 1, 1])[:, None]

    noisy = half_width(scores, [-1, 1, 0, 0, 0, 0, 0, 0])
    quiet = half_width(scores, [-1, 0, 1, 0, 0, 0, 0, 0])

    assert noisy > 2.5 * quiet


def test_variance_of_one_training_run_is_estimated() -> None:
    deviations = np.array([1.0, 2.0, 2.0, 4.0])
    scores = np.random.default_rng(0).normal(size=(4, 400)) * deviations[:, None]

    fit = sample_seed_errors(scores[None], 400, np.random.default_rng(0), chains=4)

    assert np.sqrt(fit.variances[0]) == pytest.approx(deviations, rel=0.15)


def test_cells_with_the_same_difference_at_all_seeds_have_no_error() -> None:
    base = np.array([0.40, 0.42, 0.44])

    fit = sample_seed_errors(np.stack([base, base + 0.05])[None], 50, np.random.default_rng(0))

    assert (fit.errors == 0).all()
    assert (fit.variances == 0).all()
    assert np.diff(fit.estimates[0]) == pytest.approx(0.05)


def test_seeds_can_agree_even_if_trials_are_missing() -> None:
    scores = np.array([0.4, 0.45, 0.6])[:, None] + np.array([0.0, 0.02, -0.01, 0.05])
    scores[1, 0] = scores[2, 3] = math.nan

    fit = sample_seed_errors(scores[None], 50, np.random.default_rng(0))

    assert (fit.errors == 0).all()
    assert np.diff(fit.estimates[0]) == pytest.approx([0.05, 0.15])


def test_means_of_a_study_do_not_depend_on_studies_drawn_with_it() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 4, 5))

    fit = sample_seed_errors(scores, 10, np.random.default_rng(0))

    assert fit.errors.shape == (10, 3, 4)
    assert fit.estimates == pytest.approx(scores.mean(axis=2))


def test_number_of_draws_is_rounded_up_to_the_chains() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 2, 3))

    assert len(sample_seed_errors(scores, 10, np.random.default_rng(0), chains=4).errors) == 12


def test_missing_trial_is_replaced_by_the_effect_of_its_seed_on_the_others() -> None:
    """Seed 1 is 10 points better throughout; the second cell lacks it."""
    scores = np.array([[[0.4, 0.5], [0.6, math.nan]]])

    assert fit_means(scores, np.ones((1, 2)))[0] == pytest.approx([0.45, 0.65])


def test_cell_that_lacks_no_seed_keeps_its_plain_mean() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 4, 5))
    scores[0, 1:, 0] = math.nan
    scores[0, 3, 2] = math.nan

    means = fit_means(scores, np.array([[1.0, 3.0, 0.5, 2.0]]))[0]

    assert means[0] == pytest.approx(scores[0, 0].mean())


@pytest.mark.slow
def test_draws_centre_on_the_estimates_if_trials_are_missing() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 4, 6))
    scores[0, 1, :2] = scores[0, 3, 5] = math.nan

    fit = sample_seed_errors(scores, 20_000, np.random.default_rng(0), chains=500)

    assert np.abs(np.median(fit.errors[:, 0], axis=0)).max() < 0.1


@pytest.mark.slow
def test_noisy_cell_that_lacks_seeds_is_not_taken_for_one_of_the_others() -> None:
    """A quiet study must not make its interval narrower than its own three scores do."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 6, 10))
    scores[:, 1] *= 4
    scores[:, 1, 3:] = np.nan

    fit = sample_seed_errors(scores, 400, rng, chains=2)

    differences = fit.errors[:, :, 1] - fit.errors[:, :, 0]
    halves = np.quantile(np.abs(differences), 0.95, axis=0)
    is_wrong = np.abs(fit.estimates[:, 1] - fit.estimates[:, 0]) > halves
    assert is_wrong.mean() < 0.1
