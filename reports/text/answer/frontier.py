"""The finding on accuracy against latency."""

import math
from collections.abc import Mapping, Sequence

from reports.analysis.frontier import compare_neighbours, find_frontier
from reports.analysis.study import Study
from reports.analysis.verdict import is_equivalent, is_separable, is_verdict
from reports.text.busy import find_latency_signs
from reports.text.format import number
from reports.text.sentences import bold, join

_MAX_NAMES = 4  # of cells in a sentence; the rest are counted


def describe_frontier(study: Study, latency_ms: Mapping[str, float]) -> str:
    """Name the cells on the frontier, and those that may be there by chance.

    Args:
        study: the measured cells.
        latency_ms: cell -> median latency; NaN or missing if it was not measured.
    """
    means = study.scored.means
    timed_cells = [c for c in means if not math.isnan(latency_ms.get(c, math.nan))]
    if len(means) < 2 or not timed_cells:
        return ""
    if signs := find_latency_signs(study.record):
        return f"Latency was measured on a busy machine, so no frontier is stated: {signs[0]}."
    frontier = find_frontier(latency_ms, means)
    if len(timed_cells) == 1 or len(frontier) == 1:
        return _describe_single(study, timed_cells, frontier[0], latency_ms)
    doubts = _find_doubts(study, frontier)
    names = [f"{bold(cell)}{doubts.get(cell, '')}" for cell in frontier]
    return (
        f"{len(frontier)} of {len(study.record.cells)} cells are on the accuracy-latency frontier, "
        f"fastest first: {join(names, _MAX_NAMES)}."
    )


def name_untimed_cells(study: Study, latency_ms: Mapping[str, float]) -> str:
    """Name the cells with a score but no latency, if others have one; "" if there are none."""
    untimed_cells = [c for c in study.scored.means if math.isnan(latency_ms.get(c, math.nan))]
    if not untimed_cells or len(untimed_cells) == len(study.scored.means):
        return ""
    return f"no latency of {join([bold(cell) for cell in untimed_cells])}"


def _describe_single(
    study: Study, timed_cells: Sequence[str], cell: str, latency_ms: Mapping[str, float]
) -> str:
    name = f"{bold(cell)} ({number(latency_ms[cell], 1)} ms)"
    if len(timed_cells) == 1:
        return f"Only {name} has both a score and a latency, so there is no frontier."
    if len(timed_cells) == len(study.record.cells):
        return f"No other cell is faster or scores higher than {name}."
    return f"Of the cells with a score and a latency, none is faster or scores higher than {name}."


def _find_doubts(study: Study, frontier: Sequence[str]) -> dict[str, str]:
    """Return the cells that may be on the frontier by chance, with a remark on their lead."""
    doubts = {}
    for slower, _, comparison in compare_neighbours(study, frontier):
        verdict = comparison.verdict
        if is_separable(verdict):
            continue
        if is_equivalent(verdict):
            doubts[slower] = " (equivalent to the one before)"
        elif is_verdict(verdict):
            doubts[slower] = " (lead not separable)"
        else:
            doubts[slower] = " (lead without a verdict)"
    return doubts
