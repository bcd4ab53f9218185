"""How far the search of one cell has got, from its settings and the scores of its samples alone.

Whoever asks gets the same answer: what Ray Tune proposes and what goes on at a milestone follow
from the scores, which the ledger has. A sample that goes on past a milestone is a new trial of the
same training, which begins where the earlier one stopped.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.execution.stages.tuning.ray_tune import Searcher
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.spec.tuning.searches import CellSearch, find_best

FAILED = -math.inf  # the score of a sample that failed: worse than any other
_WORST_SCORE = 0.0  # of a sample that finished: an mIoU

BuildSample = Callable[[Mapping[str, Any], int, int], PlannedTrial]


@dataclass(frozen=True)
class Progress:
    """The progress of the search of a cell.

    Attributes:
        samples: its trials so far, also those that have not ended.
        is_over: whether no further trial follows.
        settings: what it has found; None if it is not over, or if all of its samples failed.
    """

    samples: Sequence[PlannedTrial]
    is_over: bool = False
    settings: Mapping[str, Any] | None = None


def replay(
    search: CellSearch,
    build: BuildSample,
    searcher: Searcher,
    scores_by_trial: Mapping[str, float],
) -> Progress:
    """Repeat a search up to what is known.

    Args:
        search: the search of a cell.
        build: returns the trial of a sample: from its settings, its number and its last step.
        searcher: what proposes samples and ends them.
        scores_by_trial: trial_id -> score, of the samples that have ended; FAILED without one.
    """
    return _Replay(search, build, searcher, scores_by_trial).run()


class _Open(Exception):
    """Raised when a sample has not ended."""


class _Replay:
    """A search that is repeated."""

    def __init__(
        self,
        search: CellSearch,
        build: BuildSample,
        searcher: Searcher,
        scores_by_trial: Mapping[str, float],
    ) -> None:
        self._search = search
        self._build = build
        self._searcher = searcher
        self._scores_by_trial = scores_by_trial
        self._trials: list[PlannedTrial] = []
        self._settings: Sequence[Mapping[str, Any]] = []

    def run(self) -> Progress:
        """Return how far it has got."""
        try:
            scores_by_rung = self._run()
        except _Open:
            return Progress(self._trials)
        return Progress(self._trials, is_over=True, settings=self._find_best(scores_by_rung))

    def _run(self) -> list[dict[int, float]]:
        """Return number of a sample -> score, for each step at which samples were compared."""
        rungs, scores = self._search.rungs, self._start()
        scores_by_rung = [scores]
        for rung, next_rung in itertools.pairwise(rungs):
            numbers = list(scores)
            kept = self._searcher.find_survivors(rungs[-1], rung, _finite(scores.values()))
            survivors = [numbers[each] for each in kept if scores[numbers[each]] != FAILED]
            scores = self._score(survivors, next_rung)
            scores_by_rung.append(scores)
        return scores_by_rung

    def _start(self) -> dict[int, float]:
        """Train all samples up to the first step at which they are compared."""
        tune = self._search.tune
        scores: dict[int, float] = {}
        while len(scores) < tune.samples:
            self._settings = self._searcher.propose(tune, _finite(scores.values()))
            numbers = range(len(scores), len(self._settings))
            scores |= self._score(numbers, self._search.rungs[0])
        return scores

    def _score(self, numbers: Sequence[int], last_step: int) -> dict[int, float]:
        trials = [self._build(self._settings[n], n, last_step) for n in numbers]
        self._trials += trials
        try:
            scores = [self._scores_by_trial[trial.trial_id] for trial in trials]
        except KeyError:
            raise _Open from None
        return dict(zip(numbers, scores, strict=True))

    def _find_best(self, scores_by_rung: Sequence[Mapping[int, float]]) -> Mapping[str, Any] | None:
        """Return the settings of the best sample among those that got furthest and did not fail."""
        best = find_best(
            [
                {n: score for n, score in scores.items() if score != FAILED}
                for scores in scores_by_rung
            ]
        )
        return None if best is None else self._settings[best]


def _finite(scores: Iterable[float]) -> list[float]:
    """Return scores as Ray Tune compares them: that of a failed sample is the worst."""
    return [max(score, _WORST_SCORE) for score in scores]
