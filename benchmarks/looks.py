"""Compare ways to split a false-verdict rate of 5 % among four looks: `python benchmarks/looks.py`.

A look is an interim analysis. Studies of 1, 3 and 10 cells against a baseline are simulated on
linearised scores, with looks after 3, 5, 7 and 10 seeds; the test set contributes 5, 50 or 95 % of
the variance of a difference of five seeds. At each look the intervals are those of the report. The
ways differ in the level of a look:

- none: 5 % at every look, as if it were the only one;
- even: 5 % divided by the number of looks;
- simulated: from the joint distribution over the looks, as in reports
  (`reports/analysis/planning/looks.py`); its mean over the looks of the first studies.

False: the fraction of studies with at least one false verdict, at any look, if no cell differs.
Power: the fraction of cells that are separated by the last look, if every cell differs by as much
as 10 seeds alone would separate in 80 % of cases. Saved: the fraction of training runs that become
unnecessary because all cells are separated before the last look. Fixed: the number of seeds that
would give the same power without looks.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from reports.analysis.inference import TestSetError, draw_test_set_errors
from reports.analysis.planning.looks import compute_look_confidence
from reports.analysis.seed_model import sample_seed_errors

Numbers = NDArray[np.float64]

STUDIES, DRAWS, CHAINS = 1000, 2000, 8
LEVELS = 40  # number of studies whose simulated level is averaged
LOOKS = (3, 5, 7, 10)
BLOCKS = 24  # number of blocks of the test set, as in CamVid
ERROR, POWER = 0.05, 0.8


@dataclass(frozen=True)
class Studies:
    """Simulated studies at every look. Shapes: L looks, B studies, J comparisons, D draws.

    Attributes:
        estimates: (L, B, J) estimates of differences that are 0.
        deviations: (L, B, J) deviations of the errors of the estimates.
        largest: (L, D, B) sorted draws of the largest error, in deviations.
        levels: name of a way -> its level at a look.
    """

    estimates: Numbers
    deviations: Numbers
    largest: Numbers
    levels: Mapping[str, float]

    def tails(self, difference: float) -> Numbers:
        """Return the (L, B, J) tail probabilities if every cell differs by `difference`."""
        sizes = np.abs(self.estimates + difference) / self.deviations
        tails = np.empty_like(sizes)
        for look, study in np.ndindex(sizes.shape[:2]):
            below = np.searchsorted(self.largest[look][:, study], sizes[look, study])
            tails[look, study] = 1 - below / self.largest.shape[1]
        return tails

    def separable_difference(self) -> float:
        """Return the difference that the last look alone separates in 80 % of cases."""
        critical = np.quantile(self.largest[-1], 1 - ERROR, axis=0)[:, None]
        reach = critical * self.deviations[-1] - self.estimates[-1]
        return float(np.quantile(reach, POWER))


def main() -> None:
    """Simulate every scenario and print the table."""
    start = time.perf_counter()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {STUDIES:,} studies each, {os.cpu_count()} cores\n")
    print("| cells | test set | looks | level | false, % | power, % | seeds | saved, % | fixed |")
    print("|--:|--:|---|--:|--:|--:|--:|--:|--:|")
    for comparisons in (1, 3, 10):
        for share in (0.05, 0.5, 0.95):
            studies = simulate(comparisons, share, np.random.default_rng(0))
            for row in measure(studies):
                print(f"| {comparisons} | {share:.0%} | {row}", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


def simulate(comparisons: int, share: float, rng: np.random.Generator) -> Studies:
    """Simulate studies without differences, whose cells all have the same deviation."""
    cells, seeds = comparisons + 1, LOOKS[-1]
    test_variance = share / (1 - share) / 5  # per cell; that of a training run is 1
    scores = rng.normal(size=(STUDIES, cells, seeds))
    test_errors = rng.normal(size=(STUDIES, cells)) * np.sqrt(test_variance)
    blocks = rng.normal(size=(STUDIES, BLOCKS - 1, cells)) * np.sqrt(test_variance)
    covariances = np.einsum("bmk,bml->bkl", blocks, blocks) / (BLOCKS - 1)
    over_test_sets = [TestSetError(covariance, BLOCKS - 1) for covariance in covariances]
    weights = np.hstack([-np.ones((comparisons, 1)), np.eye(comparisons)])
    test_set_draws = np.stack(
        [draw_test_set_errors(e, weights, rng, DRAWS) for e in over_test_sets], axis=1
    )
    estimates, deviations, largest, confidences = [], [], [], []
    for look in LOOKS:
        fit = sample_seed_errors(scores[:, :, :look], DRAWS, rng, CHAINS)
        sizes = np.abs(fit.errors[:DRAWS] @ weights.T + test_set_draws)
        deviation = np.quantile(sizes, 0.6827, axis=0)
        largest.append(np.sort((sizes / deviation).max(axis=2), axis=0))
        deviations.append(deviation)
        estimates.append((scores[:, :, :look].mean(axis=2) + test_errors) @ weights.T)
        confidences += [
            compute_look_confidence(
                LOOKS, fit.variances[study], over_test_sets[study], weights, rng
            )
            for study in range(LEVELS)
        ]
    levels = {"none": ERROR, "even": ERROR / len(LOOKS), "simulated": 1 - np.mean(confidences)}
    return Studies(np.stack(estimates), np.stack(deviations), np.stack(largest), levels)


def measure(studies: Studies) -> list[str]:
    """Return the row of each way to split the error rate."""
    null_tails = studies.tails(0.0)
    tails = studies.tails(studies.separable_difference())
    fixed_power = [float((look_tails < ERROR).mean()) for look_tails in tails]
    rows = []
    for name, level in studies.levels.items():
        false_rate = (null_tails < level).any(axis=(0, 2)).mean()
        is_separated = np.logical_or.accumulate(tails < level, axis=0)
        power = float(is_separated[-1].mean())
        is_over = is_separated.all(axis=2)  # (L, B)
        last = np.where(is_over.any(axis=0), is_over.argmax(axis=0), len(LOOKS) - 1)
        seeds = float(np.array(LOOKS)[last].mean())
        fixed_seeds = float(np.interp(power, fixed_power, LOOKS))
        rows.append(
            f"{name} | {level:.4f} | {100 * false_rate:.1f} | {100 * power:.1f} | {seeds:.1f} | "
            f"{100 * (1 - seeds / LOOKS[-1]):.0f} | {fixed_seeds:.1f} |"
        )
    return rows


if __name__ == "__main__":
    main()
