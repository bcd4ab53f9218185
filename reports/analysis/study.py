"""The comparisons of an experiment: every cell with the baseline, every factor, every class.

Each of them is a contrast: a weighted sum of cells, for example +1 for a cell and -1 for the
baseline. It is evaluated seed by seed and test set by test set, so that whatever the cells share
cancels.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.analysis.bootstrap import DRAWS, Numbers, TestSets, mean_over_classes
from reports.analysis.statistics import (
    UNKNOWN_VARIATION,
    Difference,
    Variation,
    assign_verdicts,
    estimate_difference,
)
from reports.records import ExperimentRecord, RunRecord

Contrast = Mapping[str, float]
Terms = Sequence[tuple[float, RunRecord]]
MANY_TRIALS = 200  # above, a tenth of the draws: enough for three digits


@dataclass(frozen=True)
class Comparison:
    """One contrast, judged as one of a family.

    Attributes:
        verdict: better, worse, not separable, or no verdict.
        family: how many comparisons were made together, itself included.
    """

    difference: Difference
    verdict: str
    family: int


class Study:
    """The finished trials of an experiment, ready to be compared.

    Attributes:
        record: the experiment.
        metric: the score that is compared; resampled over test sets if it is `miou`.
        draws: the number of test sets drawn.
    """

    def __init__(
        self, record: ExperimentRecord, metric: str = "miou", draws: int | None = None
    ) -> None:
        self.record = record
        self.metric = metric
        many = len(record.finished) > MANY_TRIALS
        self.draws = draws or (DRAWS // 10 if many else DRAWS)
        self._runs = {
            cell: {run.seed: run for run in record.finished if run.cell == cell}
            for cell in record.cells
        }
        self._drawn_scores: dict[str, Numbers] = {}

    def runs(self, cell: str) -> Mapping[int, RunRecord]:
        """Return the finished trials of a cell by seed."""
        return self._runs[cell]

    @cached_property
    def frames(self) -> Sequence[str]:
        """The frames that all finished trials were scored on; none if they differ."""
        lists = {tuple(run.frames) for run in self.record.finished}
        fingerprints = {run.data_fingerprint for run in self.record.finished}
        return lists.pop() if len(lists) == 1 and len(fingerprints) == 1 else ()

    @cached_property
    def test_sets(self) -> TestSets | None:
        """The drawn test sets; None unless every finished trial kept its confusion matrices."""
        is_complete = all(run.confusions is not None for run in self.record.finished)
        return TestSets(self.frames, self.draws) if self.frames and is_complete else None

    @cached_property
    def against_baseline(self) -> Mapping[str, Comparison]:
        """Every other cell with a finished trial against the baseline, as one family."""
        base = self.record.baseline
        others = [cell for cell in self.record.cells if cell != base and self.runs(cell)]
        if not self.runs(base):
            return {}
        differences = [self.contrast({cell: 1.0, base: -1.0}) for cell in others]
        return dict(zip(others, judge(differences), strict=True))

    def contrast(self, weights: Contrast) -> Difference:
        """Evaluate a weighted sum of cells' scores, over the seeds that all of them have."""
        seeds = self._terms_by_seed(weights)
        paired = [sum(w * self._score(run) for w, run in terms) for terms in seeds]
        if not seeds or self.test_sets is None or self.metric != "miou":
            return estimate_difference(paired)
        draws = self._mean_over_seeds(seeds, self._draw_score)
        return estimate_difference(paired, self._variation(self.test_sets, draws))

    def class_contrasts(self, weights: Contrast) -> dict[str, Difference]:
        """Evaluate a contrast for the IoU of every class that all trials of its cells have."""
        seeds = self._terms_by_seed(weights)
        runs = [run for terms in seeds for _, run in terms]
        names = [n for n in runs[0].iou if all(n in run.iou for run in runs)] if runs else []
        variation = dict.fromkeys(names, UNKNOWN_VARIATION)
        if self.test_sets is not None and runs:
            draws = self._mean_over_seeds(seeds, self._draw_iou)  # (S, K)
            columns = {name: draws[:, runs[0].classes.index(name)] for name in names}
            variation = {n: self._variation(self.test_sets, columns[n]) for n in names}
        return {
            name: estimate_difference(
                [sum(w * run.iou[name] for w, run in terms) for terms in seeds], variation[name]
            )
            for name in names
        }

    def _terms_by_seed(self, weights: Contrast) -> list[Terms]:
        """Return for each seed that all cells have their trials with their weights."""
        shared = set.intersection(*(set(self._runs[cell]) for cell in weights))
        return [[(w, self._runs[c][seed]) for c, w in weights.items()] for seed in sorted(shared)]

    def _mean_over_seeds(
        self, seeds: Sequence[Terms], draw: Callable[[RunRecord], Numbers]
    ) -> Numbers:
        total = sum((w * draw(run) for terms in seeds for w, run in terms), np.zeros(()))
        return np.asarray(total / len(seeds))

    def _variation(self, test_sets: TestSets, draws: Numbers) -> Variation:
        return Variation(test_sets.variance(draws), test_sets.blocks - 1)

    def _score(self, run: RunRecord) -> float:
        return run.metrics.get(self.metric, math.nan)

    def _draw_score(self, run: RunRecord) -> Numbers:
        """Return (S,) scores of a trial on the drawn test sets."""
        if run.trial_id not in self._drawn_scores:
            self._drawn_scores[run.trial_id] = mean_over_classes(self._draw_iou(run))
        return self._drawn_scores[run.trial_id]

    def _draw_iou(self, run: RunRecord) -> Numbers:
        """Return (S, K) IoU of a trial on the drawn test sets."""
        assert self.test_sets is not None  # noqa: S101  # the callers check
        assert run.confusions is not None  # noqa: S101  # else there are no test sets
        return self.test_sets.iou(run.confusions)


def compare_best_two(study: Study) -> tuple[str, str, Comparison] | None:
    """Compare the best cell with the second best; None if there are not two."""
    means = {
        cell: float(np.mean([run.metrics.get(study.metric, math.nan) for run in runs.values()]))
        for cell in study.record.cells
        if (runs := study.runs(cell))
    }
    ranked = sorted((c for c in means if not math.isnan(means[c])), key=lambda c: -means[c])
    if len(ranked) < 2:
        return None
    best, second = ranked[:2]
    return best, second, judge([study.contrast({best: 1.0, second: -1.0})])[0]


def compare_classes(study: Study) -> dict[str, dict[str, Comparison]]:
    """Compare the IoU of every class with the baseline's, as one family: cell -> class."""
    base = study.record.baseline
    if not study.runs(base):
        return {}
    differences = {
        (cell, name): difference
        for cell in study.record.cells
        if cell != base and study.runs(cell)
        for name, difference in study.class_contrasts({cell: 1.0, base: -1.0}).items()
    }
    by_cell: dict[str, dict[str, Comparison]] = {}
    comparisons = judge(list(differences.values()))
    for (cell, name), comparison in zip(differences, comparisons, strict=True):
        by_cell.setdefault(cell, {})[name] = comparison
    return by_cell


def find_frontier(latency_ms: Mapping[str, float], score: Mapping[str, float]) -> list[str]:
    """Return the cells that no other cell beats in both latency and score, the fastest first."""
    measured = [
        cell
        for cell in score
        if not math.isnan(score[cell]) and not math.isnan(latency_ms.get(cell, math.nan))
    ]
    best, frontier = -math.inf, []
    for cell in sorted(measured, key=lambda c: (latency_ms[c], -score[c])):
        if score[cell] > best:
            best = score[cell]
            frontier.append(cell)
    return frontier


def judge(differences: Sequence[Difference]) -> list[Comparison]:
    """Judge several contrasts as one family."""
    return [
        Comparison(difference, verdict, len(differences))
        for difference, verdict in zip(differences, assign_verdicts(differences), strict=True)
    ]
