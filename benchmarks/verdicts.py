"""Measure how often verdicts are wrong: `python -m benchmarks.verdicts`.

Gates: the report's procedure judges simulated studies in which no cell differs from the baseline.
A study is wrong if the interval of any judged comparison excludes 0. The rate of wrong studies must
not be significantly above 5.5 % in any scenario whose cells vary equally over seeds, or above 7 %
if their deviations differ fourfold (one-sided binomial tests, Holm over all scenarios).

Draws over seeds do not depend on the test set or, with complete data, on the correlation between
cells, which cancels: they are made once for all shares and correlations.

Rivals: other procedures judge the same complete studies. The width is that of an interval; the
power is the share of comparisons with a verdict if the true difference is 4 of its deviations.

Equivalence: every cell differs from the baseline by exactly the margin; a study is wrong if any
comparison is called equivalent.

Bootstrap: twelve extreme scenarios go through the complete analysis of a report, from confusion
matrices to verdicts on cells and on classes.

Results are stored as JSON lines; scenarios that already have a result are not simulated again.
"""

import argparse
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.verdict_simulation.bootstrap import CORNERS, Corner, has_false_verdict
from benchmarks.verdict_simulation.procedures import (
    Intervals,
    report_intervals,
    rival_intervals,
    sample_seeds,
)
from benchmarks.verdict_simulation.studies import (
    DEVIATIONS,
    Scenario,
    TestSets,
    simulate_scores,
    simulate_test_sets,
)

Task = TypeVar("Task", Scenario, Corner)

STUDIES, CORNER_STUDIES, BATCH = 10_000, 500, 250
COMPARISONS, SEEDS, SHARES = (1, 3, 10, 20), (3, 5, 10), (0.05, 0.5, 0.95)
CORRELATIONS, MISSING = (0.0, 0.3, 0.7), 0.1
LIMIT_EQUAL, LIMIT_FOURFOLD = 0.055, 0.07
POWER_DEVIATIONS, MARGIN_DEVIATIONS = 4.0, 50.0  # true differences, in true deviations
REPORT = "report"
COUNTS = ("false", "equal", "studies", "separated", "width", "judged")  # sums over studies


def main() -> None:
    """Simulate the scenarios without a result, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--studies", type=int, default=STUDIES, help="studies per complete scenario"
    )
    parser.add_argument(
        "--missing-studies", type=int, default=STUDIES, help="studies per incomplete scenario"
    )
    parser.add_argument(
        "--corner-studies", type=int, default=CORNER_STUDIES, help="studies per corner"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, default=Path("verdicts"), help="folder of results")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    linearised, corners = options.results / "linearised.jsonl", options.results / "bootstrap.jsonl"
    complete, missing = (list(scenarios(share)) for share in (0.0, MISSING))
    run_missing(linearised, complete, run, options.studies, options.processes)
    run_missing(linearised, missing, run, options.missing_studies, options.processes)
    run_missing(corners, CORNERS, run_corner, options.corner_studies, options.processes)
    rows = pd.read_json(linearised, lines=True, precise_float=True)
    print(f"{datetime.now(UTC):%Y-%m-%d}")
    print_gates(find_excesses(rows))
    print_rivals(rows)
    print_corners(pd.read_json(corners, lines=True, precise_float=True))


def run_missing(
    path: Path,
    tasks: Sequence[Task],
    run_task: Callable[[Task, int], list[dict[str, Any]]],
    studies: int,
    processes: int,
) -> None:
    """Run the tasks that have no row in a file of results, and append their rows to it."""
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    finished = [{name: row[name] for name in asdict(tasks[0])} for row in rows]
    missing = [task for task in tasks if asdict(task) not in finished]
    with ProcessPoolExecutor(processes) as pool, path.open("a") as file:
        for future in as_completed(pool.submit(run_task, task, studies) for task in missing):
            file.writelines(json.dumps(row) + "\n" for row in future.result())
            file.flush()


def scenarios(missing: float) -> Iterator[Scenario]:
    """Yield every scenario with the given share of missing trials."""
    correlations = CORRELATIONS if missing else (0.0,)
    for values in itertools.product(COMPARISONS, SEEDS, DEVIATIONS, correlations):
        comparisons, seeds, deviations, correlation = values
        yield Scenario(comparisons, seeds, deviations, missing, correlation)


def _count(intervals: Intervals, test_sets: TestSets) -> np.ndarray:
    is_judged = intervals.is_judged
    return np.array(
        [
            intervals.separates().any(axis=1).sum(),
            intervals.equates(MARGIN_DEVIATIONS * test_sets.deviation).any(axis=1).sum(),
            is_judged.any(axis=1).sum(),
            (intervals.separates(POWER_DEVIATIONS * test_sets.deviation) & is_judged).sum(),
            (intervals.half_widths / test_sets.deviation)[is_judged].sum(),
            is_judged.sum(),
        ],
        dtype=np.float64,
    )


def run(scenario: Scenario, studies: int, seed: int = 0) -> list[dict[str, Any]]:
    """Simulate a scenario; return one row per procedure and share of the test set."""
    rng = np.random.default_rng([seed, scenario.comparisons, scenario.seeds])
    counts: dict[tuple[float, str], np.ndarray] = defaultdict(lambda: np.zeros(len(COUNTS)))
    for _ in range(0, studies, BATCH):
        scores = simulate_scores(scenario, BATCH, rng)
        fit = sample_seeds(scores, rng)
        for share in SHARES:
            test_sets = simulate_test_sets(scenario, share, BATCH, rng)
            procedures = {REPORT: report_intervals(scores, fit, test_sets, rng)}
            if not scenario.missing:
                procedures |= rival_intervals(scores, test_sets)
            for name, intervals in procedures.items():
                counts[share, name] += _count(intervals, test_sets)
    return [
        {**asdict(scenario), "share": share, "procedure": name}
        | dict(zip(COUNTS, values.tolist(), strict=True))
        for (share, name), values in counts.items()
    ]


def run_corner(corner: Corner, studies: int) -> list[dict[str, Any]]:
    """Simulate a corner; return one row."""
    rng = np.random.default_rng([corner.comparisons, corner.seeds, corner.sequences])
    cells, classes = np.sum(
        [has_false_verdict(corner, rng) for _ in range(studies)], axis=0
    ).tolist()
    return [asdict(corner) | {"cells": cells, "classes": classes, "studies": studies}]


def find_excesses(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the report's rows with their rates, and whether they exceed the limit, by Holm."""
    ours = rows[rows.procedure == REPORT].copy()
    ours["rate"] = ours["false"] / ours["studies"]
    ours["limit"] = np.where(ours.deviations == "equal", LIMIT_EQUAL, LIMIT_FOURFOLD)
    p_values = stats.binom.sf(ours["false"] - 1, ours["studies"], ours["limit"])
    order = np.argsort(p_values)
    is_below = p_values[order] <= 0.05 / np.arange(len(p_values), 0, -1)
    is_above = np.empty(len(order), dtype=bool)
    is_above[order] = np.logical_and.accumulate(is_below)
    ours["is_above"] = is_above
    return ours


def print_gates(ours: pd.DataFrame) -> None:
    """Print the false-verdict rates; for incomplete studies, the largest over correlations."""
    ours["kind"] = ours.deviations + np.where(ours.missing > 0, ", 10 % missing", "")
    columns = [k + suffix for suffix in ("", ", 10 % missing") for k in DEVIATIONS]
    table = ours.pivot_table("rate", ["comparisons", "seeds", "share"], "kind", aggfunc="max")
    print("\nStudies with a false verdict, %\n")
    print(markdown(100 * table[[c for c in columns if c in table]], 1))
    above = ours[ours.is_above]
    print(f"\nsignificantly above the limit: {len(above)} of {len(ours)} scenarios")
    for row in above.itertuples():
        print(
            f"- {row.kind}, {row.comparisons} cells, {row.seeds} seeds, test set {row.share:.0%},"
            f" correlation {row.correlation}: {row.rate:.2%}"
        )
    equal = (ours["equal"] / ours.studies).groupby(ours.comparisons).max()
    print(
        '\nLargest rate of a false "equivalent", %, by comparisons: '
        + ", ".join(f"{count}: {100 * rate:.1f}" for count, rate in equal.items())
    )


def print_rivals(rows: pd.DataFrame) -> None:
    """Print error, width and power of every procedure on the same complete studies."""
    keys = ["deviations", "comparisons", "seeds"]
    complete = rows[rows.missing == 0]
    sums = complete.groupby([*keys, "procedure"], sort=False)[list(COUNTS)].sum()
    false = (100 * sums["false"] / sums.studies).map("{:.1f}".format)
    width = (2 * sums.width / sums.judged).map("{:.1f}".format)
    power = (100 * sums.separated / sums.judged).map("{:.0f}".format)
    table = (false + ", " + width + ", " + power).unstack("procedure", sort=False)
    print("\nFalse verdicts in %, width, power in %: means over the shares of the test set\n")
    print(markdown(table.sort_index(), 1))


def print_corners(rows: pd.DataFrame) -> None:
    """Print the false-verdict rates of the complete analysis of a report."""
    keys = ["comparisons", "seeds", "sequences", "share"]
    print("\nStudies with a false verdict through the real bootstrap, %\n")
    table = rows.sort_values(keys).set_index(keys)
    print(markdown(table[["cells", "classes"]].mul(100).div(table.studies, axis=0), 1))


def markdown(table: pd.DataFrame, digits: int) -> str:
    flat = table.reset_index()
    head = [str(column) for column in flat.columns]
    lines = ["| " + " | ".join(head) + " |", "|" + "--:|" * len(head)]
    for row in flat.itertuples(index=False):
        cells = [
            f"{v:.{digits}f}" if isinstance(v, float) and n >= table.index.nlevels else str(v)
            for n, v in enumerate(row)
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
