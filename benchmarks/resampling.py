"""Measure how long a report's statistics take: `python benchmarks/resampling.py`.

10,000 test sets are resampled for 20 cells with 3 seeds, 233 frames and 11 classes. The table
compares our matrix products with summing one draw after the other (20 draws, extrapolated to all).
"""

import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from reports.analysis.bootstrap import DRAWS, TestSets, assign_blocks, iou, mean_over_classes

TRIALS, FRAMES, CLASSES = 60, {"0001TP": 62, "Seq05VD": 171}, 11


def main() -> None:
    """Measure and print the table."""
    rng = np.random.default_rng(0)
    frames = [f"{name}/{30 * n:06d}" for name, count in FRAMES.items() for n in range(count)]
    trials = list(rng.integers(0, 1000, (TRIALS, len(frames), CLASSES, CLASSES)))
    blocks = assign_blocks(frames)
    products = min(_seconds(lambda: _products(frames, trials)) for _ in range(3))
    timed_draws = 20
    loop = _seconds(lambda: _one_by_one(trials, blocks, timed_draws)) * DRAWS / timed_draws
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, numpy {np.__version__}\n")
    print("| 10,000 draws x 60 trials x 233 frames | seconds | ratio |\n|---|--:|--:|")
    print(f"| matrix products | {products:.2f} | 1 |")
    print(f"| one draw after the other | {loop:.0f} | {loop / products:.0f} |")


def _products(frames: list[str], trials: list[np.ndarray]) -> None:
    test_sets = TestSets(frames)
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


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
