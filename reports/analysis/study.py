"""What an experiment says: every cell against the baseline, every factor, every class.

All of it is one kind of question, a contrast: a weighted sum of cells, for example +1 for a cell
and -1 for the baseline. Its value is taken seed by seed and drawn test set by drawn test set, so
that whatever the cells share cancels.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reports.analysis.bootstrap import DRAWS, Numbers, TestSets, mean_over_classes
from reports.analysis.statistics import UNKNOWN, Difference, Variation, difference, verdicts
from reports.records import ExperimentRecord, RunRecord

Contrast = Mapping[str, float]
Terms = Sequence[tuple[float, RunRecord]]
MANY_TRIALS = 200  # above, a tenth of the draws: they are known to three digits still


@dataclass(frozen=True)
class Compared:
    """One contrast, judged as one of a family.

    Attributes:
        verdict: better, worse, not separable, or no verdict.
        family: how many comparisons were made beside it, itself included.
    """

    difference: Difference
    verdict: str
    family: int


class Study:
    """The finished trials of an experiment, ready to be compared.

    Attributes:
        record: what it is made of.
        metric: that is compared; resampled over test sets if it is `miou`.
        draws: test sets drawn.
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

    def runs(self, cell: str) -> Mapping[int, RunRecord]:
        """Seed -> finished trial."""
        return self._runs[cell]

    @cached_property
    def frames(self) -> Sequence[str]:
        """The frames that all finished trials were scored on; none if they differ."""
        lists = {tuple(run.frames) for run in self.record.finished}
        prints = {run.data_fingerprint for run in self.record.finished}
        return lists.pop() if len(lists) == 1 and len(prints) == 1 else ()

    @cached_property
    def test_sets(self) -> TestSets | None:
        """Drawn test sets, if every finished trial kept its confusion matrices."""
        kept = all(run.confusions is not None for run in self.record.finished)
        return TestSets(self.frames, self.draws) if self.frames and kept else None

    @cached_property
    def against_baseline(self) -> Mapping[str, "Compared"]:
        """Every other cell that has numbers against the baseline, as one family."""
        base = self.record.baseline
        others = [cell for cell in self.record.cells if cell != base and self.runs(cell)]
        if not self.runs(base):
            return {}
        found = [self.contrast({cell: 1.0, base: -1.0}) for cell in others]
        return dict(zip(others, judged(found), strict=True))

    def contrast(self, weights: Contrast) -> Difference:
        """A weighted sum of cells' scores, over the seeds that all of them have."""
        chosen = self._chosen(weights)
        paired = [sum(w * self._score(run) for w, run in terms) for terms in chosen]
        if not chosen or self.test_sets is None or self.metric != "miou":
            return difference(paired)
        return difference(paired, self._variation(self._over_seeds(chosen, self._drawn)))

    def class_contrasts(self, weights: Contrast) -> dict[str, Difference]:
        """The same for the IoU of every class that all trials of these cells have."""
        chosen = self._chosen(weights)
        runs = [run for terms in chosen for _, run in terms]
        names = [n for n in runs[0].iou if all(n in run.iou for run in runs)] if runs else []
        variation = dict.fromkeys(names, UNKNOWN)
        if self.test_sets is not None and runs:
            of_class = self._over_seeds(chosen, self._drawn_iou)  # (S, K)
            variation = {n: self._variation(of_class[:, runs[0].classes.index(n)]) for n in names}
        return {
            name: difference([sum(w * r.iou[name] for w, r in t) for t in chosen], variation[name])
            for name in names
        }

    def _chosen(self, weights: Contrast) -> list[Terms]:
        """For each seed that all cells have, their trials with their weights."""
        shared = set.intersection(*(set(self._runs[cell]) for cell in weights))
        return [[(w, self._runs[c][seed]) for c, w in weights.items()] for seed in sorted(shared)]

    def _over_seeds(
        self, chosen: Sequence[Terms], drawn: Callable[[RunRecord], Numbers]
    ) -> Numbers:
        total = sum((w * drawn(run) for terms in chosen for w, run in terms), np.zeros(()))
        return np.asarray(total / len(chosen))

    def _variation(self, draws: Numbers) -> Variation:
        assert self.test_sets is not None  # noqa: S101  # there are draws
        return Variation(self.test_sets.variance(draws), self.test_sets.blocks - 1)

    def _score(self, run: RunRecord) -> float:
        return run.metrics.get(self.metric, math.nan)

    @cached_property
    def _cache(self) -> dict[str, Numbers]:
        return {}

    def _drawn(self, run: RunRecord) -> Numbers:
        if run.trial_id not in self._cache:
            self._cache[run.trial_id] = mean_over_classes(self._drawn_iou(run))
        return self._cache[run.trial_id]

    def _drawn_iou(self, run: RunRecord) -> Numbers:
        assert self.test_sets is not None  # noqa: S101  # asked for by _contrast only
        assert run.confusions is not None  # noqa: S101
        return self.test_sets.iou(run.confusions)


def best_against_next(study: Study) -> tuple[str, str, Compared] | None:
    """The best cell, the second best, and whether they can be told apart."""
    means = {
        cell: float(np.mean([run.metrics.get(study.metric, math.nan) for run in runs.values()]))
        for cell in study.record.cells
        if (runs := study.runs(cell))
    }
    ranked = sorted((c for c in means if not math.isnan(means[c])), key=lambda c: -means[c])
    if len(ranked) < 2:
        return None
    found = study.contrast({ranked[0]: 1.0, ranked[1]: -1.0})
    return ranked[0], ranked[1], judged([found])[0]


def class_differences(study: Study) -> dict[str, dict[str, Compared]]:
    """Cell -> class -> its IoU against the baseline's; the family is all of them."""
    base = study.record.baseline
    if not study.runs(base):
        return {}
    found = {
        (cell, name): change
        for cell in study.record.cells
        if cell != base and study.runs(cell)
        for name, change in study.class_contrasts({cell: 1.0, base: -1.0}).items()
    }
    result: dict[str, dict[str, Compared]] = {}
    for (cell, name), compared in zip(found, judged(list(found.values())), strict=True):
        result.setdefault(cell, {})[name] = compared
    return result


def frontier(latency_ms: Mapping[str, float], score: Mapping[str, float]) -> list[str]:
    """The cells that no other cell beats in both latency and score, the fastest first."""
    known = [
        cell
        for cell in score
        if not math.isnan(score[cell]) and not math.isnan(latency_ms.get(cell, math.nan))
    ]
    best, found = -math.inf, []
    for cell in sorted(known, key=lambda c: (latency_ms[c], -score[c])):
        if score[cell] > best:
            best = score[cell]
            found.append(cell)
    return found


def judged(found: Sequence[Difference]) -> list[Compared]:
    """Verdicts on several contrasts, as one family."""
    return [
        Compared(difference, verdict, len(found))
        for difference, verdict in zip(found, verdicts(found), strict=True)
    ]
