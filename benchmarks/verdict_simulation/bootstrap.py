"""Simulated studies with confusion matrices, judged by the whole way of a report.

A trial classifies a share of each frame's pixels correctly: the same for all cells, but for an
error of the cell and seed, and an error of the cell on the sequence or, where there are only two,
on a stretch of it (an autoregression over frames). No cell truly differs from another.

Shapes: K cells, N seeds, F frames, C classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.analysis.comparison import Comparison
from reports.analysis.study import Study, compare_classes
from reports.records import ExperimentRecord, RunRecord

Numbers = NDArray[np.float64]

CLASSES, PIXELS, CORRECT = 11, 10_000, 0.8
SEED_DEVIATION = 0.01  # of the share of correct pixels
FRAME_DEVIATION = 0.01
CORRELATION = 0.8  # of neighbouring frames, where there are two sequences
TEST_SETS, ERROR_DRAWS = 1000, 2000


@dataclass(frozen=True)
class Corner:
    """A corner of the scenarios.

    Attributes:
        comparisons: K - 1.
        seeds: N.
        sequences: in equal parts of the 240 frames.
        share: about the part of the test set in the variance of a difference.
    """

    comparisons: int
    seeds: int
    sequences: int
    share: float

    @property
    def frames(self) -> list[str]:
        """The names of the frames."""
        length = 240 // self.sequences
        return [f"{sequence}/{n}" for sequence in range(self.sequences) for n in range(length)]


CORNERS = [
    Corner(comparisons, seeds, sequences, share)
    for comparisons in (1, 10)
    for seeds in (3, 10)
    for sequences, share in ((24, 0.05), (24, 0.95), (2, 0.95))
]


def is_wrong(corner: Corner, rng: np.random.Generator) -> tuple[bool, bool]:
    """Simulate a study; return whether it holds a false verdict over cells, and over classes."""
    study = Study(simulate(corner, rng), draws=TEST_SETS, error_draws=ERROR_DRAWS)
    by_class = compare_classes(study)
    return (
        any(map(_excludes_zero, study.against_baseline.values())),
        any(_excludes_zero(one) for classes in by_class.values() for one in classes.values()),
    )


def _excludes_zero(comparison: Comparison) -> bool:
    return comparison.difference.low > 0 or comparison.difference.high < 0


def simulate(corner: Corner, rng: np.random.Generator) -> ExperimentRecord:
    """Simulate the record of an experiment."""
    cells = [f"cell {number}" for number in range(corner.comparisons + 1)]
    pixels = _pixels(corner, rng)
    both = _over_frames(corner, rng, 0.05)
    runs = []
    for cell in cells:
        own = both + _over_frames(corner, rng, _frame_deviation(corner))
        for seed in range(corner.seeds):
            noise = rng.normal(size=(len(own), 1)) * FRAME_DEVIATION
            correct = CORRECT + own + rng.normal() * SEED_DEVIATION + noise
            runs.append(_run(corner, cell, seed, pixels, np.clip(correct, 0.01, 0.99)))
    return ExperimentRecord("study", "", cells[0], cells, runs)


def _frame_deviation(corner: Corner) -> float:
    """Return the deviation of a cell's error over frames that gives the test set its share."""
    over_seeds = SEED_DEVIATION**2 / corner.seeds
    return float(np.sqrt(over_seeds * corner.share / (1 - corner.share) * _independent(corner)))


def _independent(corner: Corner) -> float:
    """Return how many independent frames there are."""
    if corner.sequences > 2:
        return corner.sequences
    return 240 * (1 - CORRELATION) / (1 + CORRELATION)


def _over_frames(corner: Corner, rng: np.random.Generator, deviation: float) -> Numbers:
    """Draw an error that frames of a sequence, or of a stretch, share: (F, 1)."""
    length = 240 // corner.sequences
    values = rng.normal(size=(corner.sequences, length))
    if corner.sequences > 2:
        return np.repeat(values[:, :1], length, axis=0) * deviation
    for n in range(1, length):
        values[:, n] = CORRELATION * values[:, n - 1] + np.sqrt(1 - CORRELATION**2) * values[:, n]
    return values.reshape(-1, 1) * deviation


def _pixels(corner: Corner, rng: np.random.Generator) -> Numbers:
    """Draw the pixels of each class in each frame, alike within a sequence: (F, C)."""
    shares = rng.dirichlet([2.0] * CLASSES, size=corner.sequences)
    return np.repeat(shares, 240 // corner.sequences, axis=0) * PIXELS


def _run(corner: Corner, cell: str, seed: int, pixels: Numbers, correct: Numbers) -> RunRecord:
    """Make a trial whose wrong pixels are spread evenly over the other classes."""
    right = pixels * correct
    wrong = (pixels - right) / (CLASSES - 1)
    confusions = np.repeat(wrong[:, :, None], CLASSES, axis=2)
    confusions[:, range(CLASSES), range(CLASSES)] = right
    counts = confusions.round().astype(np.int64)
    total = counts.sum(axis=0)
    classes = [f"class {number}" for number in range(CLASSES)]
    values = np.diagonal(total) / (total.sum(axis=0) + total.sum(axis=1) - np.diagonal(total))
    return RunRecord(
        cell,
        seed,
        f"{cell} {seed}",
        "FINISHED",
        settings={},
        metrics={"miou": float(values.mean())},
        iou=dict(zip(classes, values.tolist(), strict=True)),
        frames=corner.frames,
        classes=classes,
        confusions=counts,
    )
