"""Every class of every cell against the baseline."""

import numpy as np

from reports.analysis.comparison import Comparison, judge_family
from reports.analysis.inference import number_of_draws
from reports.analysis.study import Study


def compare_classes(study: Study) -> dict[str, dict[str, Comparison]]:
    """Compare the IoU of every class with the baseline's, as one family.

    Classes are drawn independently of each other. If they are correlated, this makes intervals too
    wide, never too narrow (Sidak 1967).

    Returns:
        cell -> class -> comparison.
    """
    base = study.record.baseline
    estimates, errors_by_class, keys = [], [], []
    names = dict.fromkeys(name for run in study.record.finished for name in run.iou)
    for number, name in enumerate(names):
        scored = study.scored_by_class(name)
        others = [c for c in study.record.cells if c in scored.cells and c != base]
        if base not in scored.cells or not others:
            continue
        contrasts = [scored.pair(cell, base) for cell in others]
        estimates += scored.estimate(contrasts)
        errors_by_class.append(scored.draw(contrasts, number))
        keys += [(cell, name) for cell in others]
    if not keys:
        return {}
    draws = number_of_draws(len(keys), min(map(len, errors_by_class)))
    errors = np.concatenate([part[:draws] for part in errors_by_class], axis=1)
    by_cell: dict[str, dict[str, Comparison]] = {}
    is_interim = study.record.interim is not None
    comparisons = judge_family(
        estimates, errors, confidence=study.confidence, is_interim=is_interim
    )
    for (cell, name), comparison in zip(keys, comparisons, strict=True):
        by_cell.setdefault(cell, {})[name] = comparison
    return by_cell
