"""Measure how long a report's statistics take: `python benchmarks/resampling.py`.

10,000 test sets are resampled for 20 cells with 3 seeds, 233 frames and 11 classes. The first table
compares our matrix products with summing one draw after the other (20 draws, extrapolated to all).
The second one shows the time of `reports.verdicts` for 20 cells with 5 seeds.
"""

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

import reports
from reports.analysis.blocks import Blocks, cut_stretches
from reports.analysis.bootstrap import DRAWS, TestSets, iou, mean_over_classes
from reports.records import ExperimentRecord, RunRecord

CELLS, SEEDS = 20, 5
TRIALS, FRAMES, CLASSES = 60, {"0001TP": 62, "Seq05VD": 171}, 11


def main() -> None:
    """Measure and print the table."""
    rng = np.random.default_rng(0)
    frames = [f"{name}/{30 * n:06d}" for name, count in FRAMES.items() for n in range(count)]
    trials = list(rng.integers(0, 1000, (TRIALS, len(frames), CLASSES, CLASSES)))
    blocks = cut_stretches(frames, 10)
    products = min(_measure_seconds(lambda: _products(blocks, trials)) for _ in range(3))
    timed_draws = 20
    loop = (
        _measure_seconds(lambda: _one_by_one(trials, blocks.numbers, timed_draws))
        * DRAWS
        / timed_draws
    )
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, numpy {np.__version__}\n")
    print("| 10,000 draws x 60 trials x 233 frames | seconds | ratio |\n|---|--:|--:|")
    print(f"| matrix products | {products:.2f} | 1 |")
    print(f"| one draw after the other | {loop:.0f} | {loop / products:.0f} |")
    record = _record(frames, rng)
    verdicts = min(_measure_seconds(lambda: reports.verdicts(record)) for _ in range(3))
    print(f"\n| {CELLS} cells x {SEEDS} seeds x {len(frames)} frames | seconds |\n|---|--:|")
    print(f"| `reports.verdicts` | {verdicts:.2f} |")


def _record(frames: list[str], rng: np.random.Generator) -> ExperimentRecord:
    """Make up an experiment whose cells differ slightly."""
    shared = rng.integers(0, 1000, (len(frames), CLASSES, CLASSES))
    cells = [f"cell {number}" for number in range(CELLS)]
    runs = []
    for cell in cells:
        for seed in range(SEEDS):
            counts = shared + rng.integers(0, 100, shared.shape)
            counts += (5000 + rng.integers(0, 300)) * np.eye(CLASSES, dtype=np.int64)
            miou = float(mean_over_classes(iou(counts)))
            runs.append(
                RunRecord(
                    cell,
                    seed,
                    f"{cell}-{seed}",
                    "FINISHED",
                    {},
                    metrics={"miou": miou},
                    frames=frames,
                    classes=[f"class {number}" for number in range(CLASSES)],
                    confusions=counts,
                )
            )
    return ExperimentRecord("study", "", cells[0], cells, runs)


def _products(blocks: Blocks, trials: list[np.ndarray]) -> None:
    test_sets = TestSets(blocks)
    for confusions in trials:
        test_sets.miou(confusions)


def _one_by_one(trials: list[np.ndarray], blocks: np.ndarray, draws: int) -> None:
    rng = np.random.default_rng(0)
    count = blocks.max() + 1
    members = [np.flatnonzero(blocks == block) for block in range(count)]
    for _ in range(draws):
        frames = np.concatenate([members[b] for b in rng.integers(count, size=count)])
        for confusions in trials:
            mean_over_classes(iou(confusions[frames]))


def _measure_seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
