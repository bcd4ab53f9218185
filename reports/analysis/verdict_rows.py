"""The verdicts of a study as plain numbers: one row per cell, for tables, JSON and notebooks."""

import math
from dataclasses import dataclass

from reports.analysis.comparison import Difference
from reports.analysis.planning.power import count_more_seeds
from reports.analysis.study import Study
from reports.analysis.verdict import BASELINE, NO_VERDICT
from reports.records import ExperimentRecord

NAN = math.nan


@dataclass(frozen=True)
class VerdictRow:
    """The comparison of a cell with the baseline, and how often it is the best of all cells.

    Scores and differences are in the unit of the metric: fractions for mIoU. NaN means unknown.

    Attributes:
        score: the mean over seeds, adjusted for the seeds that the cell lacks.
        mean: the score minus the baseline's; 0 for the baseline itself.
        low, high: the ends of the difference's interval, which holds for all judged cells at once;
            NaN for the baseline.
        deviation: the standard deviation of the difference's error.
        confidence: the confidence of the interval: 0.95, or more if several looks are planned.
        verdict: "baseline", or as `verdict.py` reads it off the interval; "no verdict" below 3
            shared seeds, "interim" while it may still change.
        covers: the sources of variation that the interval accounts for, "seeds" or "test set".
        seeds_needed: about how many more seeds would separate the cell from the baseline; 0 if its
            verdict is settled, infinity if no number would.
        best_share: how often the cell scores best of all cells over draws of seeds and test
            sets, as a fraction; ties are shared. It describes the ranking and is not a verdict.
        best_covers: the sources of variation that `best_share` accounts for.
    """

    cell: str
    score: float
    mean: float
    low: float
    high: float
    deviation: float
    confidence: float
    verdict: str
    covers: tuple[str, ...]
    seeds_needed: float
    best_share: float
    best_covers: tuple[str, ...]


def judge_cells(
    record: ExperimentRecord, metric: str = "miou", margin: float | None = None
) -> list[VerdictRow]:
    """Return the row of each cell, as `reports.verdicts` describes it.

    Raises:
        ValueError: if no finished trial has the metric, or the margin is not above 0.
    """
    metrics = {name for run in record.finished for name in run.metrics}
    if metrics and metric not in metrics:
        raise ValueError(
            f"no trial has the metric '{metric}' (metrics: {', '.join(sorted(metrics))})"
        )
    if margin is not None and not 0 < margin < math.inf:
        raise ValueError(f"margin must be a number of points above 0 (got {margin:g})")
    return build_verdict_rows(Study(record, metric, margin_points=margin))


def build_verdict_rows(study: Study) -> list[VerdictRow]:
    """Return the row of each cell, in the order of the spec."""
    more_seeds = count_more_seeds(study)
    shares = study.scored.estimate_best_shares(study.sign)
    return [
        _build_row(study, cell, more_seeds.get(cell, NAN), shares.get(cell, NAN))
        for cell in study.record.cells
    ]


def _build_row(study: Study, cell: str, seeds_needed: float, best_share: float) -> VerdictRow:
    score, comparison = study.scored.means.get(cell, NAN), study.against_baseline.get(cell)
    if comparison is not None:
        difference, verdict = comparison.difference, comparison.verdict
    else:
        is_baseline = cell == study.record.baseline
        mean = 0.0 if is_baseline and not math.isnan(score) else NAN
        confidence = study.baseline_confidence if study.judged_cells else study.confidence
        difference = Difference(mean, NAN, NAN, NAN, 0, (), confidence)
        verdict = BASELINE if is_baseline else NO_VERDICT
    return VerdictRow(
        cell=cell,
        score=score,
        mean=difference.mean,
        low=difference.low,
        high=difference.high,
        deviation=difference.deviation,
        confidence=difference.confidence,
        verdict=verdict,
        covers=difference.covers,
        seeds_needed=seeds_needed,
        best_share=best_share,
        best_covers=() if math.isnan(best_share) else study.scored.ranking_sources,
    )
