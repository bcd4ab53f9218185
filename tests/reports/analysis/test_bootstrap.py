"""The bootstrap over blocks of frames."""

import numpy as np
import pytest

from reports.analysis.blocks import Blocks, choose_blocks, cut_stretches
from reports.analysis.bootstrap import TestSets, influence, iou, mean_over_classes
from reports.analysis.inference import Errors, half_widths
from reports.analysis.seed_model import sample_seed_errors


def miou(confusions: np.ndarray) -> float:
    return float(mean_over_classes(iou(confusions)))


def frames_of(**lengths: int) -> list[str]:
    return [f"{name}/{30 * n:06d}" for name, count in lengths.items() for n in range(count)]


def one_block_per_frame(count: int) -> Blocks:
    return Blocks(np.arange(count), np.zeros(count, dtype=np.int64), 1)


def test_miou_is_computed_from_sums_not_averaged_over_frames() -> None:
    confusions = np.array([[[8, 0], [2, 0]], [[0, 0], [0, 10]]])

    assert miou(confusions) == pytest.approx((8 / 10 + 10 / 12) / 2)


def test_class_that_never_occurs_is_left_out() -> None:
    confusions = np.zeros((2, 3, 3), dtype=np.int64)
    confusions[:, 0, 0] = 5

    assert np.isnan(iou(confusions)).tolist() == [False, True, True]
    assert miou(confusions) == 1.0
    assert (TestSets(one_block_per_frame(2), draws=10).miou(confusions) == 1.0).all()


def test_draws_are_weighted_sums_over_blocks() -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (6, 2, 2))
    blocks = np.array([0, 0, 1, 1, 2, 2])

    scores = TestSets(Blocks(blocks, np.zeros(3, dtype=np.int64)), draws=500).miou(confusions)

    possible_scores = [
        miou(np.concatenate([confusions[blocks == one], confusions[blocks == other]]))
        for one in range(3)
        for other in range(3)
    ]
    assert set(np.round(scores, 9)) == set(np.round(possible_scores, 9))


def test_blocks_are_drawn_within_their_stratum() -> None:
    confusions = np.zeros((4, 2, 2), dtype=np.int64)
    confusions[:2, 0, 0], confusions[2:, 1, 1] = 5, 5
    confusions[:, 0, 1] = [1, 2, 1, 2]
    blocks = cut_stretches(frames_of(a=2, b=2), 1)

    scores = TestSets(blocks, draws=200).iou(confusions)

    # One of the two frames of each stratum is drawn, and counts twice.
    assert set(np.round(scores[:, 0], 9)) == set(
        np.round([10 / (10 + 2 * (one + other)) for one in (1, 2) for other in (1, 2)], 9)
    )


def test_all_trials_see_the_same_test_sets() -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (20, 3, 3))
    test_sets = TestSets(one_block_per_frame(20), draws=50)

    assert (test_sets.miou(confusions) == test_sets.miou(confusions.copy())).all()


def test_variance_of_a_mean_is_unbiased_over_blocks() -> None:
    """The variance of a plain mean is s^2 / M, added over strata."""
    confusions = np.zeros((8, 2, 2), dtype=np.int64)
    confusions[:, 0, 0] = correct = np.array([90, 92, 91, 95, 90, 97, 93, 94])
    confusions[:, 0, 1] = 100 - correct
    test_sets = TestSets(one_block_per_frame(8), draws=100_000)

    error = test_sets.error(test_sets.iou(confusions)[None, :, 0])

    assert error is not None
    assert error.covariance == pytest.approx((correct / 100).var(ddof=1) / 8, rel=0.02)
    assert error.freedom == 7


def test_covariance_shows_what_scores_share() -> None:
    """Equal scores have a difference without variance."""
    scores = np.random.default_rng(0).normal(size=(3, 1000))
    scores[1] = scores[0]

    error = TestSets(one_block_per_frame(4), draws=1).error(scores)

    assert error is not None
    assert np.array([1, -1, 0]) @ error.covariance @ [1, -1, 0] == pytest.approx(0, abs=1e-12)
    assert error.covariance[0, 2] == pytest.approx(0, abs=0.1)


def test_one_block_has_no_variance() -> None:
    assert TestSets(one_block_per_frame(1), draws=10).error(np.zeros((1, 10))) is None


def test_influences_are_the_derivative_of_the_score() -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (6, 3, 3))
    heavier = np.concatenate([confusions * 1000, confusions[:1]])  # frame 0 counts a little more

    influences = influence(confusions)

    assert influences.sum() == pytest.approx(0, abs=1e-12)
    assert 1000 * (miou(heavier) - miou(confusions)) == pytest.approx(influences[0], rel=1e-2)


def simulate(rng: np.random.Generator, seeds: int) -> list[dict[int, np.ndarray]]:
    """Simulate two equally good cells: 24 sequences of 10 frames, 3 classes.

    Errors come from sequences that are hard for both cells or for one of them, from the seed, and
    from individual frames.
    """
    classes, sequences, length = 3, 24, 10
    pixels = (rng.dirichlet([3] * classes, size=sequences).repeat(length, 0) * 1000).round()
    both = rng.normal(0, 0.5, (sequences, classes)).repeat(length, 0)
    cells = []
    for _ in range(2):
        one = both + rng.normal(0, 0.3, (sequences, classes)).repeat(length, 0)
        trials = {}
        for seed in range(seeds):
            seed_offset = rng.normal(0, 0.1 if seeds > 1 else 0.0, (1, classes))
            logits = 1 + one + seed_offset + rng.normal(0, 0.2, one.shape)
            right = pixels / (1 + np.exp(-logits))
            wrong = (pixels - right) / (classes - 1)
            confusions = np.repeat(wrong[:, :, None], classes, axis=2)
            confusions[:, range(classes), range(classes)] = right
            trials[seed] = confusions.round().astype(np.int64)
        cells.append(trials)
    return cells


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_interval_covers_the_truth_in_95_of_100_studies(seeds: int) -> None:
    """Higher coverage is fine: variation that depends on seed and frame together counts twice."""
    studies, rng = 1000, np.random.default_rng(seeds)
    frames = [f"{sequence}/{n}" for sequence in range(24) for n in range(10)]
    test_sets = TestSets(choose_blocks(frames, np.zeros((0, 240))), draws=300)
    scores, covariances = np.empty((studies, 2, seeds)), []
    for study in range(studies):
        cells = simulate(rng, seeds)
        scores[study] = [[miou(cell[seed]) for seed in cell] for cell in cells]
        means = [np.mean([test_sets.miou(c) for c in cell.values()], axis=0) for cell in cells]
        covariances.append(test_sets.error(np.stack(means)))
    over_seeds = sample_seed_errors(scores, 2000, rng).errors if seeds > 1 else None

    coverage_count = 0
    for study, over_test_sets in enumerate(covariances):
        one = None if over_seeds is None else over_seeds[:, study]
        errors = Errors(one, over_test_sets).draw(np.array([[-1.0, 1.0]]), rng, 2000)
        (half,), _ = half_widths(errors, np.array([True]))
        coverage_count += bool(abs(np.diff(scores[study].mean(axis=1))[0]) <= half)

    assert coverage_count >= 930
