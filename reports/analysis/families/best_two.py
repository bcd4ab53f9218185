"""The best cell against the second best."""

from reports.analysis.comparison import Comparison
from reports.analysis.study import Study


def compare_best_two(study: Study) -> tuple[str, str, Comparison] | None:
    """Compare the best cell with the second best; None if fewer than two cells have a score.

    The same scores select these cells, so the comparison is judged as one of all pairs.
    """
    if len(study.scored.cells) < 2:
        return None
    best, second = study.ranked[:2]
    return best, second, study.all_pairs[frozenset((best, second))]
