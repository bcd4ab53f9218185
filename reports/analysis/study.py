"""The comparisons of an experiment: every cell with the baseline, every factor, every class.

Each of them is a contrast: a weighted sum of cells, for example +1 for a cell and -1 for the
baseline. The errors of all cells are drawn once, together, so that whatever they share cancels;
every family of contrasts is judged on these draws (`inference.py`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import combinations

import numpy as np

from reports.analysis.blocks import (
    FEWEST_FRAMES,
    choose_blocks,
    count_frames,
    cut_stretches,
    deviations_over_blocks,
)
from reports.analysis.bootstrap import DRAWS, Numbers, TestSets, influence, mean_over_classes
from reports.analysis.comparison import Comparison, Contrast
from reports.analysis.inference import CONFIDENCE, TestSetError
from reports.analysis.planning.growing import JudgedCell, can_be_replayed, judge_over_looks
from reports.analysis.planning.looks import compute_growing_confidences, compute_look_confidence
from reports.analysis.scored_cells import ERROR_DRAWS, ScoredCells
from reports.analysis.verdict import is_verdict, read_verdict, turn
from reports.metrics import get_metric
from reports.records import ExperimentRecord, RunRecord, check_record

_ROUNDING = 1e-12  # as a fraction of a score; smaller differences count as none
MANY_TRIALS = 200  # with more, fewer test sets are drawn: enough for two digits of a deviation


class Study:
    """The finished trials of an experiment, ready to be compared.

    Attributes:
        record: the experiment.
        metric: the score that is compared; resampled over test sets if it is `miou`.
        draws: the number of test sets drawn.
        error_draws: the number of joint errors drawn.
        margin_points: the difference that does not matter; None for the record's, which is of mIoU.
    """

    def __init__(
        self,
        record: ExperimentRecord,
        metric: str = "miou",
        draws: int | None = None,
        error_draws: int = ERROR_DRAWS,
        margin_points: float | None = None,
    ) -> None:
        check_record(record)
        self.record = record
        self.metric = metric
        has_many_trials = len(record.finished) > MANY_TRIALS
        self._asked_draws = draws
        self.draws = draws or (DRAWS // 10 if has_many_trials else DRAWS)
        self.error_draws = error_draws
        if margin_points is None and metric == "miou":
            margin_points = record.margin_points
        self.margin_points = margin_points
        self._runs = {
            cell: {run.seed: run for run in record.finished if run.cell == cell}
            for cell in record.cells
        }

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
        """The drawn test sets; None if they cannot be drawn.

        Every finished trial needs its confusion matrices, and there must be enough frames.
        """
        if not self.frames or any(run.confusions is None for run in self.record.finished):
            return None
        blocks = choose_blocks(self.frames, self._influences)
        has_few_frames = blocks.frames is not None and len(self.frames) < FEWEST_FRAMES
        return None if has_few_frames or not blocks.freedom else TestSets(blocks, self.draws)

    @cached_property
    def _influences(self) -> Numbers:
        """The (J, F) amounts that each frame adds to the differences of cells from the baseline."""
        by_cell = {
            cell: np.mean(
                [influence(run.confusions) for run in runs.values() if run.confusions is not None],
                axis=0,
            )
            for cell, runs in self._runs.items()
            if runs
        }
        base = by_cell.pop(self.record.baseline, np.zeros(len(self.frames)))
        return np.array([cell - base for cell in by_cell.values()]).reshape(-1, len(self.frames))

    def deviation_by_block_length(self, lengths: Sequence[int]) -> dict[int, float]:
        """Return how much a typical difference from the baseline varies over test sets.

        Args:
            lengths: lengths of blocks, in frames; those that are no length of blocks that every
                sequence has at least two of are left out.

        Returns:
            length -> the median over the differences, in mIoU; empty if the blocks are whole
            sequences, or the variation over test sets is unknown.
        """
        if self.test_sets is None or self.test_sets.blocks.frames is None:
            return {}
        if not len(self._influences):
            return {}
        shortest = min(count_frames(self.frames).values())
        stretches = {
            length: cut_stretches(self.frames, length)
            for length in lengths
            if 2 * length <= shortest or length == self.test_sets.blocks.frames
        }
        return {
            length: float(np.median(deviations_over_blocks(self._influences, blocks)))
            for length, blocks in stretches.items()
        }

    @property
    def margin(self) -> float | None:
        """The difference that does not matter, as a fraction; None if none is stated."""
        return None if self.margin_points is None else self.margin_points / 100

    @cached_property
    def confidence(self) -> float:
        """The confidence of every family: above 95 % if several looks are planned.

        The comparisons with the baseline decide it for all families.
        """
        if (variation := self._variation_of_looks) is None:
            return 1 - (1 - CONFIDENCE) / max(1, len(self.record.looks))
        return compute_look_confidence(*variation, np.random.default_rng(0))

    @cached_property
    def baseline_confidence(self) -> float:
        """The confidence of the comparisons with the baseline at the look of this study."""
        if (variation := self._variation_of_looks) is None:
            return self.confidence
        levels = compute_growing_confidences(*variation, np.random.default_rng(0))
        return levels[self.record.look - 1]

    @property
    def _variation_of_looks(
        self,
    ) -> tuple[Sequence[int], Numbers, TestSetError | None, Numbers] | None:
        """The looks and what their levels depend on; None with one look, or if it is unknown."""
        scored, looks = self.scored, self.record.looks
        variances = np.array(list(scored.variances.values()))
        if len(looks) < 2 or len(variances) < 2 or np.isnan(variances).any():
            return None
        base = self.record.baseline if self.record.baseline in scored.cells else scored.cells[0]
        pairs = [scored.pair(cell, base) for cell in scored.cells if cell != base]
        return looks, variances, scored.errors.over_test_sets, scored.weights(pairs)

    @cached_property
    def scored(self) -> ScoredCells:
        """The scores of all cells, and their joint errors."""
        return self._score_cells(self._score, self._draw_score if self.metric == "miou" else None)

    def scored_by_class(self, name: str) -> ScoredCells:
        """Return the cells scored by the IoU of one class, without cells that lack it."""

        def score(run: RunRecord) -> float:
            return run.iou.get(name, math.nan)

        def draw(run: RunRecord) -> Numbers:
            return np.asarray(self._draw_iou(run)[:, run.classes.index(name)])

        return self._score_cells(score, draw)

    @cached_property
    def against_baseline(self) -> Mapping[str, Comparison]:
        """Every other cell with a score, compared with the baseline as one family.

        If looks are planned, each look has its own family: see `planning/growing.py`.
        """
        if not self.judged_cells:
            return self._compare_with_baseline(self.margin, self.confidence)
        return {
            cell: self._read_again(judged.comparison)
            for cell, judged in self.judged_cells.items()
            if judged.comparison is not None
        }

    @cached_property
    def judged_cells(self) -> Mapping[str, JudgedCell]:
        """The cells as the looks have judged them; empty unless looks at the mIoU are planned."""
        if self.metric != "miou" or not can_be_replayed(self.record):
            return {}
        return judge_over_looks(self.record, self._judge_look)

    def _judge_look(self, part: ExperimentRecord) -> Mapping[str, Comparison]:
        """Compare the cells of a look with the baseline; by the margin of the plan."""
        is_whole = part.runs is self.record.runs and part.interim == self.record.interim
        study = self if is_whole else Study(part, self.metric, self._asked_draws, self.error_draws)
        margin = None if part.margin_points is None else part.margin_points / 100
        return study._compare_with_baseline(margin, study.baseline_confidence)

    def _read_again(self, comparison: Comparison) -> Comparison:
        """Read a verdict by the margin of this study, which may not be that of the plan."""
        if not is_verdict(comparison.verdict) or self.margin_points == self.record.margin_points:
            return comparison
        difference = comparison.difference
        verdict = read_verdict(difference.low, difference.high, self.margin)
        return replace(comparison, verdict=verdict)

    def _compare_with_baseline(
        self, margin: float | None, confidence: float
    ) -> Mapping[str, Comparison]:
        base = self.record.baseline
        if base not in self.scored.cells:
            return {}
        others = [c for c in self.record.cells if c in self.scored.cells and c != base]
        pairs = [self.scored.pair(cell, base) for cell in others]
        comparisons = self._judge(pairs, margin, confidence)
        return dict(zip(others, comparisons, strict=True))

    def judge(self, contrasts: Sequence[Contrast]) -> list[Comparison]:
        """Judge contrasts of cells that have a score as one family."""
        return self._judge(contrasts, self.margin, self.confidence)

    def _judge(
        self, contrasts: Sequence[Contrast], margin: float | None, confidence: float
    ) -> list[Comparison]:
        is_interim = self.record.interim is not None
        comparisons = self.scored.judge(contrasts, margin, confidence, is_interim)
        if self.sign > 0:
            return comparisons
        return [replace(each, verdict=turn(each.verdict)) for each in comparisons]

    @property
    def sign(self) -> int:
        """1 if a higher score is better, else -1."""
        return get_metric(self.metric).sign

    @cached_property
    def ranked(self) -> list[str]:
        """The cells that have a score, the best first."""
        return sorted(self.scored.cells, key=lambda cell: -self.sign * self.scored.means[cell])

    def equal_to(self, cell: str) -> list[str]:
        """Return the cells with the same mean, itself included."""
        means = self.scored.means
        return [
            other for other in means if math.isclose(means[other], means[cell], rel_tol=_ROUNDING)
        ]

    @cached_property
    def all_pairs(self) -> Mapping[frozenset[str], Comparison]:
        """Every pair of cells with a score, as one family: the higher-ranked minus the other."""
        pairs = list(combinations(self.ranked, 2))
        comparisons = self.judge([self.scored.pair(one, two) for one, two in pairs])
        return dict(zip(map(frozenset, pairs), comparisons, strict=True))

    def _score_cells(
        self, score: Callable[[RunRecord], float], draw: Callable[[RunRecord], Numbers] | None
    ) -> ScoredCells:
        base = self.record.baseline
        scores = {}
        for cell in sorted(self.record.cells, key=lambda c: c != base):
            by_seed = {seed: score(run) for seed, run in self._runs[cell].items()}
            by_seed = {seed: value for seed, value in by_seed.items() if math.isfinite(value)}
            if by_seed:
                scores[cell] = by_seed
        over_test_sets = None
        if draw is not None and self.test_sets is not None and scores:
            means_over_test_sets = [
                np.mean([draw(self._runs[cell][seed]) for seed in by_seed], axis=0)
                for cell, by_seed in scores.items()
            ]
            over_test_sets = self.test_sets.error(np.stack(means_over_test_sets))
        return ScoredCells(scores, base in scores, over_test_sets, self.error_draws)

    def _score(self, run: RunRecord) -> float:
        return run.metrics.get(self.metric, math.nan)

    def _draw_score(self, run: RunRecord) -> Numbers:
        """Return (S,) scores of a trial on the drawn test sets."""
        return mean_over_classes(self._draw_iou(run))

    def _draw_iou(self, run: RunRecord) -> Numbers:
        """Return (S, K) IoU of a trial on the drawn test sets."""
        assert self.test_sets is not None  # noqa: S101  # the callers check
        assert run.confusions is not None  # noqa: S101  # else there are no test sets
        return self.test_sets.iou(run.confusions)
