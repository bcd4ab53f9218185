"""The bootstrap over blocks of frames."""

import numpy as np
import pytest

from reports.analysis.bootstrap import TestSets, assign_blocks, iou, mean_over_classes
from reports.analysis.inference import Errors, half_widths
from reports.analysis.seed_model import sample_seed_errors


def miou(confusions: np.ndarray) -> float:
    return float(mean_over_classes(iou(confusions)))


def frames_of(**lengths: int) -> list[str]:
    return [f"{name}/{30 * n:06d}" for name, count in lengths.items() for n in range(count)]


def test_blocks_are_about_ten_frames_and_never_span_two_sequences() -> None:
    blocks = assign_blocks(frames_of(a=25, b=8, c=1))

    assert np.bincount(blocks).tolist() == [13, 12, 8, 1]
    assert (np.diff(blocks) >= 0).all()


def test_a_sequence_that_comes_back_begins_a_new_block() -> None:
    assert assign_blocks(["a/1", "b/1", "a/2"]).tolist() == [0, 1, 2]


def test_miou_is_computed_from_sums_not_averaged_over_frames() -> None:
    confusions = np.array([[[8, 0], [2, 0]], [[0, 0], [0, 10]]])

    assert miou(confusions) == pytest.approx((8 / 10 + 10 / 12) / 2)


def test_class_that_never_occurs_is_left_out() -> None:
    confusions = np.zeros((2, 3, 3), dtype=np.int64)
    confusions[:, 0, 0] = 5

    assert np.isnan(iou(confusions)).tolist() == [False, True, True]
    assert miou(confusions) == 1.0
    assert (TestSets(["a/1", "b/1"], draws=10).miou(confusions) == 1.0).all()


def test_draws_are_sums_over_blocks_drawn_with_replacement() -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (6, 2, 2))
    blocks = np.array([0, 0, 1, 1, 2, 2])

    scores = TestSets(frames_of(a=2, b=2, c=2), draws=500).miou(confusions)

    weights = [(i, j, k) for i in range(4) for j in range(4) for k in range(4) if i + j + k == 3]
    possible = [
        miou(np.concatenate([confusions[blocks == b] for b in range(3) for _ in range(w[b])]))
        for w in weights
    ]
    assert set(np.round(scores, 9)) == set(np.round(possible, 9))


def test_all_trials_see_the_same_test_sets() -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (20, 3, 3))
    test_sets = TestSets(frames_of(a=20), draws=50)

    assert (test_sets.miou(confusions) == test_sets.miou(confusions.copy())).all()


def test_variance_of_a_mean_is_unbiased_over_blocks() -> None:
    """The variance of a plain mean is s^2 / M."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=8)
    drawn = rng.multinomial(8, np.full(8, 1 / 8), size=200_000) @ values / 8

    error = TestSets([f"{n}/1" for n in range(8)], draws=1).error(drawn[None])

    assert error is not None
    assert error.covariance == pytest.approx(values.var(ddof=1) / 8, rel=0.02)
    assert error.freedom == 7


def test_covariance_tells_what_scores_share() -> None:
    """Equal scores have a difference without variance."""
    drawn = np.random.default_rng(0).normal(size=(3, 1000))
    drawn[1] = drawn[0]

    error = TestSets([f"{n}/1" for n in range(4)], draws=1).error(drawn)

    assert error is not None
    assert np.array([1, -1, 0]) @ error.covariance @ [1, -1, 0] == pytest.approx(0, abs=1e-12)
    assert error.covariance[0, 2] == pytest.approx(0, abs=0.1)


def test_one_block_has_no_variance() -> None:
    assert TestSets(frames_of(a=5), draws=10).error(np.zeros((1, 10))) is None


def simulate(rng: np.random.Generator, seeds: int) -> list[dict[int, np.ndarray]]:
    """Simulate two equally good cells: 24 sequences of 10 frames, 3 classes.

    Errors come from sequences that are hard for both cells or for one of them, from the seed, and
    from single frames.
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


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_interval_covers_the_truth_in_95_of_100_studies(seeds: int) -> None:
    """More is allowed: variation that depends on seed and frame together counts twice."""
    studies, rng = 1000, np.random.default_rng(seeds)
    frames = [f"{sequence}/{n}" for sequence in range(24) for n in range(10)]
    test_sets = TestSets(frames, draws=300)
    scores, covariances = np.empty((studies, 2, seeds)), []
    for study in range(studies):
        cells = simulate(rng, seeds)
        scores[study] = [[miou(cell[seed]) for seed in cell] for cell in cells]
        drawn = [np.mean([test_sets.miou(c) for c in cell.values()], axis=0) for cell in cells]
        covariances.append(test_sets.error(np.stack(drawn)))
    over_seeds = sample_seed_errors(scores, 2000, rng).errors if seeds > 1 else None

    covered = 0
    for study, over_test_sets in enumerate(covariances):
        one = None if over_seeds is None else over_seeds[:, study]
        errors = Errors(one, over_test_sets).draw(np.array([[-1.0, 1.0]]), rng, 2000)
        (half,), _ = half_widths(errors, np.array([True]))
        covered += bool(abs(np.diff(scores[study].mean(axis=1))[0]) <= half)

    assert covered >= 930
