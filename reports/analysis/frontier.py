"""The frontier of accuracy against latency, and the comparisons that it rests on."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from reports.analysis.comparison import Comparison
from reports.analysis.study import Study

_ROUNDING = 1e-12  # as a fraction of a score; smaller differences count as none


def find_frontier(latency_ms: Mapping[str, float], score: Mapping[str, float]) -> list[str]:
    """Return the cells that no other cell beats in latency or score, the fastest first.

    A cell that equals another one in both does not beat it.
    """
    measured_cells = [
        cell
        for cell in score
        if not math.isnan(score[cell]) and not math.isnan(latency_ms.get(cell, math.nan))
    ]
    frontier: list[str] = []
    for cell in sorted(measured_cells, key=lambda c: (latency_ms[c], -score[c])):
        last = frontier[-1] if frontier else None
        is_equal = last is not None and math.isclose(score[cell], score[last], rel_tol=_ROUNDING)
        is_twin = is_equal and last is not None and latency_ms[cell] == latency_ms[last]
        if last is None or is_twin or (score[cell] > score[last] and not is_equal):
            frontier.append(cell)
    return frontier


def compare_neighbours(study: Study, frontier: Sequence[str]) -> list[tuple[str, str, Comparison]]:
    """Compare each cell of a frontier with the next faster one, as one of all pairs.

    Returns:
        slower cell, faster cell and their comparison, except for cells that are equal in both.
    """
    pairs = [(two, one, study.all_pairs[frozenset((one, two))]) for one, two in pairwise(frontier)]
    return [pair for pair in pairs if pair[2].difference.mean != 0]
