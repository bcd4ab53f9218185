"""What searches say: the score to expect of a budget, and what limits the comparison."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from reports.records import ExperimentRecord, SampleRecord, SearchRecord


def expect_best(scores: Sequence[float]) -> list[float]:
    """Return the expected best score of a search with 1, 2, ... samples.

    Source: Dodge et al., EMNLP 2019, section 3.1: the expected maximum of n draws, with
    replacement, from the scores of all samples. A search that found its best score by luck at the
    first attempt does not look better than one that found it at the last.
    """
    ranked = np.sort(np.asarray(scores, dtype=float))
    shares = np.arange(len(ranked) + 1) / len(ranked)
    return [float(ranked @ np.diff(shares**draws)) for draws in range(1, len(ranked) + 1)]


def first_scores(search: SearchRecord) -> list[float]:
    """Return the scores of all samples at the step at which all were compared; 0 if they failed."""
    return [0.0 if sample.first_score is None else sample.first_score for sample in search.samples]


def trained_steps(search: SearchRecord) -> int:
    """Return the steps that the samples of a search have trained together."""
    return sum(sample.steps for sample in search.samples)


def trained_seconds(search: SearchRecord) -> float:
    """Return the training time of all samples that were measured; NaN if none was."""
    seconds = [s.train_seconds for s in search.samples if s.train_seconds is not None]
    return math.fsum(seconds) if seconds else math.nan


def find_best(search: SearchRecord) -> SampleRecord | None:
    """Return the sample whose settings were found; None if there is none."""
    return next((sample for sample in search.samples if sample.is_best), None)


def list_budgets(searches: Sequence[SearchRecord]) -> Mapping[str, tuple[int, int]]:
    """Return cell -> its budget: the samples that have a score, and the steps of a full one."""
    return {
        search.cell: (sum(s.first_score is not None for s in search.samples), search.steps)
        for search in searches
    }


def list_untuned(record: ExperimentRecord) -> list[str]:
    """Return the cells that were trained without a search, other than those kept for comparison."""
    tuned = {search.cell for search in record.searches}
    kept = {search.common_cell for search in record.searches}
    trained = {run.cell for run in record.runs if run.settings.get("steps")}
    return [c for c in record.cells if c in trained and c not in tuned and c not in kept]
