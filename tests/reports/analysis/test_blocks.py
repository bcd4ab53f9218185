"""The choice of blocks."""

import numpy as np
import pytest

from reports.analysis.blocks import (
    Blocks,
    choose_blocks,
    count_frames,
    cut_stretches,
    deviations_over_blocks,
)


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator that yields the same numbers in every test."""
    return np.random.default_rng(0)


def frames_of(**lengths: int) -> list[str]:
    return [f"{name}/{30 * n:06d}" for name, count in lengths.items() for n in range(count)]


def autoregression(correlation: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Simulate a stationary AR(1) process of variance 1."""
    values = np.empty(size)
    values[0] = rng.normal()
    for n in range(1, size):
        noise = rng.normal() * np.sqrt(1 - correlation**2)
        values[n] = correlation * values[n - 1] + noise
    return values


def test_with_five_sequences_each_is_a_block() -> None:
    blocks = choose_blocks(frames_of(a=3, b=1, c=2, d=2, e=4), np.zeros((1, 12)))

    assert blocks.frames is None
    assert np.bincount(blocks.numbers).tolist() == [3, 1, 2, 2, 4]
    assert blocks.freedom == 4


def test_fewer_sequences_are_cut_into_stretches_drawn_within_each() -> None:
    blocks = cut_stretches(frames_of(a=25, b=8, c=1), 10)

    assert np.bincount(blocks.numbers).tolist() == [13, 12, 4, 4, 1]
    assert (np.diff(blocks.numbers) >= 0).all()
    assert blocks.strata.tolist() == [0, 0, 1, 1, 2]
    assert blocks.freedom == 2


def test_frames_of_a_sequence_belong_together_wherever_they_are_listed() -> None:
    assert cut_stretches(["a/1", "b/1", "a/2", "b/2"], 1).numbers.tolist() == [0, 2, 1, 3]
    assert count_frames(["a/1", "b/1", "a/2"]) == {"a": 2, "b": 1}


def test_independent_frames_need_short_blocks(rng: np.random.Generator) -> None:
    lengths = [
        choose_blocks(frames_of(a=120, b=120), rng.normal(size=(1, 240))).frames for _ in range(50)
    ]

    assert np.median([length or 0 for length in lengths]) <= 4


def test_dependent_frames_need_longer_blocks(rng: np.random.Generator) -> None:
    """For AR(1) with 0.8 and 240 frames, twice the length of Politis and White is about 32."""
    lengths = []
    for _ in range(50):
        influence = np.concatenate([autoregression(0.8, 120, rng) for _ in range(2)])
        lengths.append(choose_blocks(frames_of(a=120, b=120), influence[None]).frames or 0)

    correlation = 0.8
    slope = 2 * correlation / (1 - correlation) ** 2  # sum of |k| r^|k|
    spectrum = (1 + correlation) / (1 - correlation)
    expected = (2 * slope**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * 240 ** (1 / 3)
    assert np.median(lengths) == pytest.approx(2 * expected, rel=0.4)


def test_the_longest_requirement_decides(rng: np.random.Generator) -> None:
    frames = frames_of(a=200)
    short, long = rng.normal(size=200), autoregression(0.9, 200, rng)

    length_for_both = choose_blocks(frames, np.stack([short, long])).frames

    assert length_for_both == choose_blocks(frames, long[None]).frames
    assert (length_for_both or 0) > (choose_blocks(frames, short[None]).frames or 0)


def test_deviation_over_blocks_is_that_of_a_sum(rng: np.random.Generator) -> None:
    """The variance of a sum of M independent numbers is M s^2, added over strata."""
    influence = rng.normal(size=(1, 9))
    blocks = Blocks(np.arange(9), np.array([0] * 4 + [1] * 5), 1)

    expected = 4 * influence[0, :4].var(ddof=1) + 5 * influence[0, 4:].var(ddof=1)

    assert deviations_over_blocks(influence, blocks) == pytest.approx([np.sqrt(expected)])


@pytest.mark.slow
def test_blocks_give_the_deviation_of_dependent_frames(rng: np.random.Generator) -> None:
    """Individual frames would give a third of it."""
    frames = frames_of(a=150, b=150)
    estimates, sums = [], []
    for _ in range(200):
        influence = np.concatenate([autoregression(0.8, 150, rng) for _ in range(2)])
        sums.append(influence.sum())
        blocks = choose_blocks(frames, influence[None])
        estimates.append(deviations_over_blocks(influence[None], blocks)[0])

    assert np.sqrt(np.mean(np.square(estimates))) == pytest.approx(np.std(sums), rel=0.2)


def test_sequences_too_short_for_the_required_stretches_are_reported(
    rng: np.random.Generator,
) -> None:
    trend = np.concatenate([autoregression(0.97, 30, rng) for _ in range(2)])

    assert choose_blocks(frames_of(a=30, b=30), trend[None]).are_too_few
    assert not choose_blocks(frames_of(a=200, b=200), rng.normal(size=(1, 400))).are_too_few
