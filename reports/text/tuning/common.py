"""The table of cells that were trained with tuned settings and with those of the spec."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from reports.analysis.statistics import Summary, summarise
from reports.records import SearchRecord
from reports.text.format import escape, markdown_table, signed, spread
from reports.text.page import Page
from reports.text.sentences import bold, join


class _Pair(NamedTuple):
    """A cell with tuned settings, and the same one with those of the spec."""

    cell: str
    tuned: Summary
    common: Summary
    gain: float


def compare_with_common(page: Page) -> str:
    """Write the table of cells that exist in both forms, and what tuning changed in the ranking."""
    pairs = [pair for search in page.record.searches if (pair := _pair(page, search)) is not None]
    if not pairs:
        return ""
    tuned_ranks = _rank([pair.tuned.mean for pair in pairs])
    common_ranks = _rank([pair.common.mean for pair in pairs])
    rows = list(zip(pairs, common_ranks, tuned_ranks, strict=True))
    columns: dict[str, Callable[[tuple[_Pair, int, int]], str]] = {
        "cell": lambda row: escape(row[0].cell),
        "common settings, mIoU %": lambda row: _spread(row[0].common),
        "tuned, mIoU %": lambda row: _spread(row[0].tuned),
        "gain, points": lambda row: signed(100 * row[0].gain),
        "rank, common": lambda row: str(row[1]),
        "rank, tuned": lambda row: str(row[2]),
    }
    parts = (
        "## Tuned against common settings",
        markdown_table(rows, columns),
        _describe_ranking(pairs, common_ranks, tuned_ranks),
    )
    return "\n\n".join(parts)


def _pair(page: Page, search: SearchRecord) -> _Pair | None:
    """Return the scores of both forms; if the search found what the spec states, they are one."""
    if search.common_cell is None:
        return None
    tuned, common = _scores(page, search.cell), _scores(page, search.common_cell)
    if search.common_cell not in page.record.cells:
        common = tuned
    shared = sorted(tuned.keys() & common.keys())
    if not shared:
        return None
    gain = float(np.mean([tuned[seed] - common[seed] for seed in shared]))
    return _Pair(search.cell, summarise(tuned.values()), summarise(common.values()), gain)


def _scores(page: Page, cell: str) -> dict[int, float]:
    """Return seed -> score of a cell's trials."""
    if cell not in page.record.cells:
        return {}
    metric = page.study.metric
    scores = {s: r.metrics.get(metric, math.nan) for s, r in page.study.runs(cell).items()}
    return {seed: score for seed, score in scores.items() if not math.isnan(score)}


def _rank(scores: Sequence[float]) -> list[int]:
    return [1 + sum(other > score for other in scores) for score in scores]


def _spread(summary: Summary) -> str:
    return spread(summary.mean, summary.std, summary.n)


def _describe_ranking(
    pairs: Sequence[_Pair], common_ranks: Sequence[int], tuned_ranks: Sequence[int]
) -> str:
    if list(common_ranks) == list(tuned_ranks):
        return "Tuning left the ranking of these cells as it was under common settings."
    moved = [
        f"{bold(pair.cell)} from {before} to {after}"
        for pair, before, after in zip(pairs, common_ranks, tuned_ranks, strict=True)
        if before != after
    ]
    return f"**Tuning changed the ranking**: {join(moved, 6)}."
