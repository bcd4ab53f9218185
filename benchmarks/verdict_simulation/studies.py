"""Simulated studies in which no cell truly differs from another.

The score of cell c at seed s is e_cs + b_s + t_c: a residual whose deviation is that of the cell,
an effect of the seed that all cells share, and an error due to the test set. Scores are linearised:
they are normal random numbers instead of IoUs, and their covariance over test sets is estimated
from independent blocks.

Shapes: B studies, K cells with the baseline first, J = K - 1 comparisons, N seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.analysis.inference import TestSetError
from reports.analysis.verdict import SEEDS_FOR_A_VERDICT

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

BLOCKS = 24  # number of blocks of the test set, as in CamVid


@dataclass(frozen=True)
class Scenario:
    """A kind of study, in which all cells have the same seeds.

    Attributes:
        comparisons: the number of comparisons J.
        seeds: the number of seeds N.
        deviations: the residual deviations of the cells, one of `DEVIATIONS`.
        missing: the fraction of trials without a result.
        correlation: the correlation between two cells of deviation 1 at the same seed.
    """

    comparisons: int
    seeds: int
    deviations: str = "equal"
    missing: float = 0.0
    correlation: float = 0.0

    @property
    def residual_deviations(self) -> Numbers:
        """The (K,) deviations of the cells' residuals."""
        return DEVIATIONS[self.deviations](self.comparisons + 1)


def _spread(cells: int) -> Numbers:
    return np.concatenate([[1.0], np.resize([4.0, 2.0, 1.0, 3.0, 1.5], cells - 1)])


def _one_noisy_cell(cells: int, index: int) -> Numbers:
    deviations = np.ones(cells)
    deviations[index] = 4
    return deviations


DEVIATIONS: dict[str, Callable[[int], Numbers]] = {
    "equal": np.ones,
    "noisy baseline": lambda cells: _one_noisy_cell(cells, 0),
    "one noisy cell": lambda cells: _one_noisy_cell(cells, -1),
    "spread": _spread,
}


@dataclass(frozen=True)
class TestSets:
    """The test sets of simulated studies.

    Attributes:
        errors: (B, K) the errors that they add to the cells' means.
        estimate: the covariance of these errors, as estimated from blocks.
        deviation: (J,) the true deviations of the differences, over seeds and test sets.
    """

    errors: Numbers
    estimate: TestSetError
    deviation: Numbers


def simulate_scores(scenario: Scenario, studies: int, rng: np.random.Generator) -> Numbers:
    """Return (B, K, N) scores on one test set; NaN where a trial is missing."""
    shape = (studies, scenario.comparisons + 1, scenario.seeds)
    scores = rng.normal(size=shape) * scenario.residual_deviations[:, None]
    ratio = scenario.correlation / (1 - scenario.correlation)
    scores += rng.normal(size=(studies, 1, scenario.seeds)) * np.sqrt(ratio)
    if scenario.missing:
        scores[_draw_missing(scenario.missing, shape, rng)] = np.nan
    return scores


def _draw_missing(share: float, shape: tuple[int, ...], rng: np.random.Generator) -> Flags:
    """Draw missing trials until, in every study, shared seeds link all cells."""
    missing = rng.random(shape) < share
    while (invalid := ~_are_linked(~missing)).any():
        missing[invalid] = rng.random((int(invalid.sum()), *shape[1:])) < share
    return missing


def _are_linked(present: Flags) -> Flags:
    """Return (B,) whether every seed has a trial, and shared seeds link all cells."""
    trials = present.astype(np.float64)
    shared = (trials @ trials.swapaxes(1, 2) > 0).astype(np.float64)
    reachable = np.linalg.matrix_power(shared, present.shape[1] - 1) > 0
    return np.asarray(reachable.all(axis=(1, 2)) & present.any(axis=1).all(axis=1))


def simulate_test_sets(
    scenario: Scenario, share: float, studies: int, rng: np.random.Generator
) -> TestSets:
    """Simulate test sets that cause the given share of the variance of a difference."""
    squares = scenario.residual_deviations**2
    variance = squares.mean() / scenario.seeds * share / (1 - share)
    blocks = rng.normal(size=(studies, BLOCKS, len(squares))) * np.sqrt(variance * BLOCKS)
    errors = blocks.mean(axis=1)
    centred = blocks - errors[:, None]
    covariance = centred.swapaxes(1, 2) @ centred / (BLOCKS - 1) / BLOCKS
    deviation = np.sqrt((squares[1:] + squares[0]) / scenario.seeds + 2 * variance)
    return TestSets(errors, TestSetError(covariance, BLOCKS - 1), deviation)


def compare_with_baseline(comparisons: int) -> Numbers:
    """Return the (J, K) weights that subtract the baseline from each other cell."""
    return np.hstack([-np.ones((comparisons, 1)), np.eye(comparisons)])


def has_enough_seeds(scores: Numbers) -> Flags:
    """Return (B, J) whether a cell shares enough seeds with the baseline for a verdict."""
    present = ~np.isnan(scores)
    shared = (present[:, 1:] & present[:, :1]).sum(axis=2)
    return np.asarray(shared >= SEEDS_FOR_A_VERDICT)
