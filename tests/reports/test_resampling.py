"""Test sets that might have been."""

import numpy as np
import pytest

from reports.resampling import blocks_of, miou, resampled_differences, resampled_miou, variance
from reports.statistics import NOT_SEPARABLE, Variation, difference, verdicts


def frames_of(**lengths: int) -> list[str]:
    return [f"{name}/{30 * n:06d}" for name, count in lengths.items() for n in range(count)]


def test_blocks_are_about_ten_frames_and_never_span_two_sequences() -> None:
    blocks = blocks_of(frames_of(a=25, b=8, c=1))

    assert np.bincount(blocks).tolist() == [13, 12, 8, 1]
    assert (np.diff(blocks) >= 0).all()


def test_a_sequence_that_comes_back_begins_a_new_block() -> None:
    assert blocks_of(["a/1", "b/1", "a/2"]).tolist() == [0, 1, 2]


def test_miou_is_that_of_the_sums_not_the_mean_over_frames() -> None:
    confusions = np.array([[[8, 0], [2, 0]], [[0, 0], [0, 10]]])

    assert miou(confusions) == pytest.approx((8 / 10 + 10 / 12) / 2)


def test_class_that_never_occurs_is_left_out() -> None:
    confusions = np.zeros((2, 3, 3), dtype=np.int64)
    confusions[:, 0, 0] = 5

    assert miou(confusions) == 1.0
    assert (resampled_miou([confusions], np.array([0, 1]), draws=10) == 1.0).all()


def test_draws_are_sums_over_blocks_drawn_with_replacement() -> None:
    rng = np.random.default_rng(0)
    confusions = rng.integers(1, 50, (6, 2, 2))
    blocks = np.array([0, 0, 1, 1, 2, 2])

    found = resampled_miou([confusions], blocks, draws=500)[:, 0]

    weights = [(i, j, k) for i in range(4) for j in range(4) for k in range(4) if i + j + k == 3]
    possible = [
        miou(np.concatenate([confusions[blocks == b] for b in range(3) for _ in range(w[b])]))
        for w in weights
    ]
    assert set(np.round(found, 9)) <= set(np.round(possible, 9))
    assert len(set(np.round(found, 9))) == len(weights)


def test_equal_cells_never_differ_on_any_test_set() -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (20, 3, 3))
    cell = {0: confusions, 1: confusions}

    draws = resampled_differences(cell, cell, blocks_of(frames_of(a=20)), draws=50)

    assert (draws == 0).all()


def test_only_seeds_that_both_have_are_compared() -> None:
    one, two = np.random.default_rng(0).integers(1, 50, (2, 20, 3, 3))
    blocks = blocks_of(frames_of(a=20))

    draws = resampled_differences({0: one, 1: two}, {1: two, 2: one}, blocks, draws=50)

    assert (draws == 0).all()


def test_variance_of_a_mean_is_unbiased_over_blocks() -> None:
    """For a plain mean the answer is known: s^2 / M."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=8)
    drawn = rng.multinomial(8, np.full(8, 1 / 8), size=200_000) @ values / 8

    assert variance(drawn, 8) == pytest.approx(values.var(ddof=1) / 8, rel=0.02)
    assert np.isnan(variance(drawn, 1))


def simulated(rng: np.random.Generator, seeds: int) -> list[dict[int, np.ndarray]]:
    """Two cells that are equally good: 24 sequences of 10 frames, 3 classes.

    What is hard for both cells, what is hard for one of them, what one seed cannot do, and what
    goes wrong in one frame each have their share.
    """
    classes, sequences, length = 3, 24, 10
    pixels = (rng.dirichlet([3] * classes, size=sequences).repeat(length, 0) * 1000).round()
    both = rng.normal(0, 0.5, (sequences, classes)).repeat(length, 0)
    cells = []
    for _ in range(2):
        one = both + rng.normal(0, 0.3, (sequences, classes)).repeat(length, 0)
        trials = {}
        for seed in range(seeds):
            of_seed = rng.normal(0, 0.1 if seeds > 1 else 0.0, (1, classes))
            logits = 1 + one + of_seed + rng.normal(0, 0.2, one.shape)
            right = pixels / (1 + np.exp(-logits))
            wrong = (pixels - right) / (classes - 1)
            confusions = np.repeat(wrong[:, :, None], classes, axis=2)
            confusions[:, range(classes), range(classes)] = right
            trials[seed] = confusions.round().astype(np.int64)
        cells.append(trials)
    return cells


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_interval_covers_the_truth_in_95_of_100_studies(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    frames = [f"{sequence}/{n}" for sequence in range(24) for n in range(10)]
    blocks = blocks_of(frames)
    covered = apart = 0
    for _ in range(1000):
        ours, theirs = simulated(rng, seeds)
        draws = resampled_differences(ours, theirs, blocks, draws=300)
        paired = [miou(ours[seed]) - miou(theirs[seed]) for seed in ours]
        found = difference(paired, Variation(variance(draws, 24), 23))
        low, high = found.interval()
        covered += low <= 0 <= high
        apart += seeds >= 3 and verdicts([found])[0] != NOT_SEPARABLE

    assert 930 <= covered <= 970
    assert apart <= 70
