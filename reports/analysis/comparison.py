"""Contrasts of cells, their estimates, and the verdicts of a family of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.analysis.inference import CONFIDENCE, half_widths
from reports.analysis.verdict import INTERIM, NO_VERDICT, SEEDS_FOR_A_VERDICT, read_verdict

Numbers = NDArray[np.float64]

SEEDS, TEST_SET = "seeds", "test set"  # the sources of variation


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cells.

    Attributes:
        weights: cell -> weight; the weights add up to 0.
        seeds: the number of seeds that its cells share, pair by pair; see `ScoredCells.contrast`.
    """

    weights: Mapping[str, float]
    seeds: int


@dataclass(frozen=True)
class Estimate:
    """The value of a contrast, in the unit of the metric, before it is judged.

    Attributes:
        mean: the estimate; NaN if it cannot be estimated.
        seeds: the number of seeds that its cells share, pair by pair; see `ScoredCells.contrast`.
        covers: the sources of variation that its drawn errors account for, `SEEDS` or `TEST_SET`.
    """

    mean: float
    seeds: int
    covers: tuple[str, ...]

    @property
    def can_be_judged(self) -> bool:
        """Whether there are enough seeds for a verdict."""
        has_seeds = self.seeds >= SEEDS_FOR_A_VERDICT and SEEDS in self.covers
        return has_seeds and math.isfinite(self.mean)


@dataclass(frozen=True)
class Difference:
    """An estimated contrast with its interval, in the unit of the metric.

    Attributes:
        mean: the estimate; NaN if it cannot be estimated.
        low, high: the ends of its interval, which holds for its whole family; NaN if no source of
            variation is known.
        deviation: the standard deviation of its error.
        seeds: the number of seeds that its cells share, pair by pair; see `ScoredCells.contrast`.
        covers: the sources of variation that the interval accounts for, `SEEDS` or `TEST_SET`.
        confidence: the confidence of the interval: 0.95, or more if several looks are planned.
    """

    mean: float
    low: float
    high: float
    deviation: float
    seeds: int
    covers: tuple[str, ...]
    confidence: float = CONFIDENCE


@dataclass(frozen=True)
class Comparison:
    """One contrast, judged as one of a family.

    Attributes:
        verdict: the verdict, as `verdict.py` reads it off the interval; "interim" while it may
            still change.
        family: the number of contrasts judged together, including this one.
    """

    difference: Difference
    verdict: str
    family: int


def judge_family(
    estimates: Sequence[Estimate],
    errors: Numbers,
    margin: float | None = None,
    confidence: float = CONFIDENCE,
    is_interim: bool = False,
) -> list[Comparison]:
    """Judge contrasts together.

    Contrasts that cannot be judged have their own intervals and do not widen those of the others.

    Args:
        estimates: the J estimates.
        errors: the (D, J) draws of their errors.
        margin: the difference that does not matter, in the unit of the metric, or None.
        confidence: the confidence of the family.
        is_interim: whether missing trials may still change the verdicts.
    """
    if not estimates:
        return []
    in_family = [estimate.can_be_judged for estimate in estimates]
    halves, deviations = half_widths(errors, np.array(in_family), confidence)
    comparisons = []
    for estimate, is_judged, half, deviation in zip(
        estimates, in_family, halves.tolist(), deviations.tolist(), strict=True
    ):
        if not estimate.covers or math.isnan(estimate.mean):
            half = deviation = math.nan
        low, high = estimate.mean - half, estimate.mean + half
        verdict = NO_VERDICT
        if is_judged:
            verdict = INTERIM if is_interim else read_verdict(low, high, margin)
        difference = Difference(
            estimate.mean, low, high, deviation, estimate.seeds, estimate.covers, confidence
        )
        comparisons.append(Comparison(difference, verdict, max(1, sum(in_family))))
    return comparisons
