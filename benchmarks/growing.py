"""Measure studies that grow look by look: `python -m benchmarks.growing`.

`seeds: {from: 3, to: 10}` gives more seeds only to cells whose verdict is open. Studies of 1 to 20
cells beside the baseline are simulated with the variances of the committed studies, and with ten
times as much and no variance over test sets, and compared with a fixed design: 10 seeds for every
cell, judged once at 95 %.

Gates: false verdicts are not significantly above those of `benchmarks/verdicts.py` in any scenario,
and no scenario with the variances of a committed study has 3 points less power than the fixed one.

Real code: some studies without variance over test sets go through the analysis of a report instead
(`Study.judged_cells`), to check the simulation.

Results are stored as JSON lines; scenarios that already have a result are not simulated again.
"""

import argparse
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.verdict_simulation.studies import DEVIATIONS
from benchmarks.verdicts import LIMIT_EQUAL, LIMIT_FOURFOLD, markdown, run_missing
from reports.analysis.planning.adaptive import GrowingStudies
from reports.analysis.planning.power import Variation, estimate_typical_variation
from reports.analysis.study import Study
from reports.analysis.verdict import is_better, is_worse
from reports.formats import results_json
from reports.records import ExperimentRecord, RunRecord

LOOKS = (3, 5, 7, 10)
COMPARISONS = (1, 3, 10, 20)
EFFECTS: dict[str, Any] = {  # true differences in points
    "0": 0.0, "0.25": 0.25, "0.5": 0.5, "1": 1.0, "2": 2.0, "3": 3.0,
    "0 to 3": (0.0, 3.0), "half 0": "half",
}  # fmt: skip
MARGINS = (None, 0.5)  # points
STUDIES, REAL_STUDIES, BATCH = 1000, 200, 250
REAL_EFFECTS = ("0", "0 to 3")
LOST_POWER = 0.03
# Sums over studies. Power is the share of cells with a right verdict: of the true direction, or
# equivalent within the margin.
NAMES = ("studies", "false", "power", "fixed_false", "fixed_power", "squared_loss", "trainings")
COMMITTED = Path(__file__).parents[1] / "experiments" / "results"


@dataclass(frozen=True)
class Batch:
    """Studies with the same cells and variances.

    Attributes:
        comparisons: the number J of cells beside the baseline.
        deviations: the deviations over seeds of the cells, one of `DEVIATIONS`.
        source: the study that variances come from.
        test_sets: the variance over test sets, as a multiple of that study's.
    """

    comparisons: int
    deviations: str
    source: str
    test_sets: float


@dataclass(frozen=True)
class RealBatch:
    """Studies that go through the analysis of a report: three cells beside the baseline."""

    effect: str
    source: str
    comparisons: int = 3


def main() -> None:
    """Simulate what has no result yet, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=STUDIES, help="studies per scenario")
    parser.add_argument("--real-studies", type=int, default=REAL_STUDIES, help="through a report")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, default=Path("growing"), help="folder of results")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    file, real_file = (options.results / f"{name}.jsonl" for name in ("growing", "real"))
    run_missing(file, list(batches()), run, options.studies, options.processes)
    sources = dict.fromkeys(batch.source for batch in batches())
    real = [RealBatch(effect, source) for source in sources for effect in REAL_EFFECTS]
    run_missing(real_file, real, run_real, options.real_studies, options.processes)
    rows = pd.read_json(file, lines=True, precise_float=True, dtype={"effect": str})
    print(f"{datetime.now(UTC):%Y-%m-%d}, {options.studies:,} studies of each kind")
    print_gates(rows)
    print_savings(rows)
    print_real(rows, pd.read_json(real_file, lines=True, precise_float=True, dtype={"effect": str}))


def batches() -> Iterator[Batch]:
    """Yield every batch: all deviations with the variances as they are, equal ones with others."""
    for source in sorted(path.parent.name for path in COMMITTED.glob("*/results.json")):
        for comparisons in COMPARISONS:
            for deviations in DEVIATIONS:
                yield Batch(comparisons, deviations, source, 1.0)
            for test_sets in (0.0, 10.0):
                yield Batch(comparisons, "equal", source, test_sets)


def read_variation(batch: Batch) -> Variation:
    """Return the variation of a committed study, with another share of the test set."""
    variation = estimate_typical_variation(Study(results_json.load(COMMITTED / batch.source)))
    assert variation is not None  # committed studies have several seeds
    return replace(variation, over_test_sets=variation.over_test_sets * batch.test_sets)


def true_differences(effect: Any, comparisons: int) -> np.ndarray:
    """Return the (J,) true differences, as fractions."""
    if effect == "half":
        return np.where(np.arange(comparisons) % 2 == 0, 0.0, 0.02)
    if isinstance(effect, tuple):
        return np.asarray(np.linspace(*effect, comparisons + 1)[1:] / 100)
    return np.full(comparisons, effect / 100)


def run(batch: Batch, studies: int) -> list[dict[str, Any]]:
    """Simulate a batch; return one row per effect and margin."""
    key = [batch.comparisons, list(DEVIATIONS).index(batch.deviations), round(batch.test_sets)]
    rng, variation = np.random.default_rng(key), read_variation(batch)
    deviations = DEVIATIONS[batch.deviations](batch.comparisons + 1)
    sums: dict[tuple[str, float | None], np.ndarray] = {}
    for _ in range(0, studies, BATCH):
        drawn = GrowingStudies(LOOKS, variation, deviations, BATCH, rng)
        for (effect, value), margin in itertools.product(EFFECTS.items(), MARGINS):
            counts = measure(drawn, true_differences(value, batch.comparisons), margin)
            sums[effect, margin] = sums.get((effect, margin), np.zeros(len(counts))) + counts
    most = (batch.comparisons + 1) * LOOKS[-1]
    return [
        {**asdict(batch), "effect": effect, "margin": margin or 0.0, "most": most}
        | dict(zip(NAMES, values.tolist(), strict=True))
        for (effect, margin), values in sums.items()
    ]


def measure(drawn: GrowingStudies, differences: np.ndarray, margin: float | None) -> np.ndarray:
    """Return `NAMES`, summed over studies."""
    limit = None if margin is None else margin / 100
    grown, once = (judge(differences, limit) for judge in (drawn.grow, drawn.judge_once))
    right = [each.are_right(differences, limit).mean(axis=1) for each in (grown, once)]
    return np.array(
        [
            len(grown.trainings),
            grown.are_false(differences, limit).sum(),
            right[0].sum(),
            once.are_false(differences, limit).sum(),
            right[1].sum(),
            ((right[1] - right[0]) ** 2).sum(),
            grown.trainings.sum(),
        ],
        dtype=np.float64,
    )


def run_real(batch: RealBatch, studies: int) -> list[dict[str, Any]]:
    """Judge simulated studies as a report does; return one row."""
    rng = np.random.default_rng(batch.comparisons)
    typical = Batch(batch.comparisons, "equal", batch.source, 0.0)
    deviation = math.sqrt(read_variation(typical).over_seeds)
    differences = true_differences(EFFECTS[batch.effect], batch.comparisons)
    outcomes = [judge_really(differences, deviation, rng) for _ in range(studies)]
    sums = [float(sum(values)) for values in zip(*outcomes, strict=True)]
    names = ("false", "power", "trainings")
    return [{**asdict(batch), "studies": studies} | dict(zip(names, sums, strict=True))]


def judge_really(
    differences: np.ndarray, deviation: float, rng: np.random.Generator
) -> tuple[bool, float, int]:
    """Return whether a study has a false verdict, the share of right ones, and its trainings."""
    truths = {"base": 0.0} | {f"cell {n}": float(each) for n, each in enumerate(differences)}
    scores = 0.5 + rng.normal(size=(len(truths), LOOKS[-1])) * deviation
    scores += np.array([*truths.values()])[:, None]
    runs = [
        RunRecord(cell, seed, f"{cell} {seed}", "FINISHED", {}, metrics={"miou": float(score)})
        for cell, row in zip(truths, scores, strict=True)
        for seed, score in enumerate(row)
    ]
    record = ExperimentRecord("study", "", "base", list(truths), runs, looks=LOOKS, look=len(LOOKS))
    judged = Study(record).judged_cells
    verdicts = {cell: each.comparison.verdict for cell, each in judged.items() if each.comparison}
    signs = {cell: is_better(text) - float(is_worse(text)) for cell, text in verdicts.items()}
    is_right = [sign == np.sign(truths[cell]) for cell, sign in signs.items() if sign]
    seeds = [LOOKS[each.look - 1] for each in judged.values()]
    return not all(is_right), sum(is_right) / len(signs), sum(seeds) + max(seeds)


def print_gates(rows: pd.DataFrame) -> None:
    """Print the largest rates of false verdicts, and the largest loss of power."""
    limits = np.where(rows.deviations == "equal", LIMIT_EQUAL, LIMIT_FOURFOLD)
    p_values = np.sort(stats.binom.sf(rows["false"] - 1, rows.studies, limits))
    holm = 0.05 / np.arange(len(p_values), 0, -1)
    above = int(np.logical_and.accumulate(p_values <= holm).sum())
    rates = (100 * rows["false"] / rows.studies).groupby([rows.deviations, rows.comparisons])
    print("\nStudies with a false verdict at any look, %, largest over effects and margins\n")
    print(markdown(rates.max().unstack("comparisons"), 1))
    print(f"\nsignificantly above the limit: {above} of {len(rows)} scenarios")
    lost = (rows.fixed_power - rows.power) / rows.studies
    error = np.sqrt((rows.squared_loss / rows.studies - lost**2) / rows.studies)
    print(
        f"more than {100 * LOST_POWER:.0f} points less power than the fixed design: "
        f"{int((lost > LOST_POWER).sum())} of {len(rows)} scenarios, significantly (2 standard "
        f"errors): {int((lost - 2 * error > LOST_POWER).sum())}; the largest losses:"
    )
    for index in lost.sort_values(ascending=False).index[:8]:
        row = rows.loc[index]
        print(
            f"- {100 * lost[index]:.1f} ± {100 * error[index]:.1f}, to "
            f"{100 * row.power / row.studies:.1f} %: {row.comparisons} cells, effect {row.effect}, "
            f"{row.deviations}, test sets x {row.test_sets:g}, margin {row.margin:g}"
        )


def print_savings(rows: pd.DataFrame) -> None:
    """Print power and the share of trainings saved, by effect and number of cells."""
    equal = rows[(rows.deviations == "equal") & (rows.test_sets == 1)]
    order = list(EFFECTS)
    for margin, part in equal.groupby("margin"):
        table = part.assign(
            text=[
                f"{100 * (1 - row.trainings / row.studies / row.most):.0f}"
                f" ({100 * row.power / row.studies:.0f}, {100 * row.fixed_power / row.studies:.0f})"
                for row in part.itertuples()
            ]
        ).pivot(index="effect", columns="comparisons", values="text")  # fmt: skip
        wide = f"margin {margin:g} points" if margin else "no margin"
        print(f"\nTrainings saved in % (power, that of the fixed design in %), {wide}\n")
        print(markdown(table.loc[[each for each in order if each in table.index]], 0))


def print_real(rows: pd.DataFrame, real: pd.DataFrame) -> None:
    """Print the studies that went through the analysis of a report, beside simulated ones."""
    print("\nThrough the analysis of a report, and simulated: false in %, power in %, trainings\n")
    same = rows[(rows.deviations == "equal") & (rows.test_sets == 0) & (rows.margin == 0)]
    same = same.merge(real[["effect", "source", "comparisons"]])
    for name, part in (("report", real), ("simulated", same)):
        for row in part.itertuples():
            print(
                f"- {row.comparisons} cells, effect {row.effect}, {name}: "
                f"{100 * row.false / row.studies:.1f}, {100 * row.power / row.studies:.1f}, "
                f"{row.trainings / row.studies:.1f} ({row.studies:.0f} studies)"
            )


if __name__ == "__main__":
    main()
