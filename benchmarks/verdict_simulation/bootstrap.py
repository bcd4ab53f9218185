"""Simulated studies with confusion matrices, judged by the complete analysis of a report.

A trial classifies a share of each frame's pixels correctly. The share is the same for all cells,
apart from an error per cell and seed, and an error per cell and sequence or, if there are only two
sequences, an error that varies along them (an autoregression over frames). No cell truly differs
from another.

Shapes: K cells, N seeds, F frames, C classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.analysis.comparison import Comparison
from reports.analysis.families.classes import compare_classes
from reports.analysis.study import Study
from reports.records import ExperimentRecord, RunRecord

Numbers = NDArray[np.float64]

CLASSES, PIXELS, CORRECT_SHARE = 11, 10_000, 0.8
SEED_DEVIATION = 0.01  # deviation of the share of correct pixels over seeds
FRAME_DEVIATION = 0.01  # and over frames
CORRELATION = 0.8  # correlation of neighbouring frames if there are two sequences
TEST_SETS, ERROR_DRAWS = 1000, 2000


@dataclass(frozen=True)
class Corner:
    """An extreme scenario, at a corner of the grid of scenarios.

    Attributes:
        comparisons: the number of comparisons, K - 1.
        seeds: the number of seeds N.
        sequences: the number of sequences, which divide the 240 frames equally.
        share: the approximate share of the test set in the variance of a difference.
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


def has_false_verdict(corner: Corner, rng: np.random.Generator) -> tuple[bool, bool]:
    """Simulate a study; return whether any verdict on cells, or any on classes, is false."""
    study = Study(simulate(corner, rng), draws=TEST_SETS, error_draws=ERROR_DRAWS)
    by_class = compare_classes(study)
    return (
        any(map(_excludes_zero, study.against_baseline.values())),
        any(_excludes_zero(c) for comparisons in by_class.values() for c in comparisons.values()),
    )


def _excludes_zero(comparison: Comparison) -> bool:
    return comparison.difference.low > 0 or comparison.difference.high < 0


def simulate(corner: Corner, rng: np.random.Generator) -> ExperimentRecord:
    """Simulate the record of an experiment."""
    cells = [f"cell {number}" for number in range(corner.comparisons + 1)]
    pixels = _pixels(corner, rng)
    shared_errors = _draw_frame_errors(corner, rng, 0.05)
    runs = []
    for cell in cells:
        errors = shared_errors + _draw_frame_errors(corner, rng, _frame_deviation(corner))
        for seed in range(corner.seeds):
            noise = rng.normal(size=(len(errors), 1)) * FRAME_DEVIATION
            correct = CORRECT_SHARE + errors + rng.normal() * SEED_DEVIATION + noise
            runs.append(_run(corner, cell, seed, pixels, np.clip(correct, 0.01, 0.99)))
    return ExperimentRecord("study", "", cells[0], cells, runs)


def _frame_deviation(corner: Corner) -> float:
    """Return the deviation of a cell's error over frames that gives the test set its share."""
    seed_variance = SEED_DEVIATION**2 / corner.seeds
    test_set_variance = seed_variance * corner.share / (1 - corner.share)
    return float(np.sqrt(test_set_variance * _count_independent_frames(corner)))


def _count_independent_frames(corner: Corner) -> float:
    """Return the effective number of independent frames."""
    if corner.sequences > 2:
        return corner.sequences
    return 240 * (1 - CORRELATION) / (1 + CORRELATION)


def _draw_frame_errors(corner: Corner, rng: np.random.Generator, deviation: float) -> Numbers:
    """Draw (F, 1) errors that are constant in a sequence, or correlated along it."""
    length = 240 // corner.sequences
    values = rng.normal(size=(corner.sequences, length))
    if corner.sequences > 2:
        return np.repeat(values[:, :1], length, axis=0) * deviation
    for n in range(1, length):
        values[:, n] = CORRELATION * values[:, n - 1] + np.sqrt(1 - CORRELATION**2) * values[:, n]
    return values.reshape(-1, 1) * deviation


def _pixels(corner: Corner, rng: np.random.Generator) -> Numbers:
    """Draw the (F, C) pixels of each class in each frame, equal within a sequence."""
    shares = rng.dirichlet([2.0] * CLASSES, size=corner.sequences)
    return np.repeat(shares, 240 // corner.sequences, axis=0) * PIXELS


def _run(corner: Corner, cell: str, seed: int, pixels: Numbers, correct: Numbers) -> RunRecord:
    """Make up a trial whose wrong pixels are spread evenly over the other classes."""
    correct_pixels = pixels * correct
    wrong_pixels = (pixels - correct_pixels) / (CLASSES - 1)
    confusions = np.repeat(wrong_pixels[:, :, None], CLASSES, axis=2)
    confusions[:, range(CLASSES), range(CLASSES)] = correct_pixels
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
