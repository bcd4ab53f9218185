"""The first thing a report says: a few sentences, made from the numbers.

They are as careful as the numbers: what cannot be told apart is not ranked, and what is missing is
said in the same breath.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.analysis.factors import Effect, Interaction
from reports.analysis.statistics import (
    BETTER,
    NO_VERDICT,
    NOT_SEPARABLE,
    SEEDS_FOR_A_VERDICT,
    WORSE,
    summarise,
)
from reports.analysis.study import Comparison, Study, compare_best_two, find_frontier
from reports.text.format import escape, number, percent, setting_value

_NAMED = 3  # cells or settings that a sentence names before it says how many more there are


def answer(
    study: Study,
    found: Sequence[Effect],
    together: Sequence[Interaction],
    latency_ms: Mapping[str, float],
) -> list[str]:
    """Three to six sentences.

    Args:
        study: what was measured.
        found: what each setting does in it.
        together: which settings act together.
        latency_ms: cell -> median latency; NaN or missing where not measured.
    """
    if not study.record.finished:
        return ["Nothing can be said yet: no trial has finished."]
    said = [
        _best(study),
        _baseline(study),
        _factors(found),
        _together(together),
        _frontier(study, latency_ms),
        _missing(study),
    ]
    return [sentence for sentence in said if sentence]


def _best(study: Study) -> str:
    found = compare_best_two(study)
    if found is None:
        cell = next(cell for cell in study.record.cells if study.runs(cell))
        return f"Only {_name(cell)} has a result: {_score(study, cell)}."
    best, following, comparison = found
    gap = points(comparison)
    beginning = f"{_name(best)} is best with {_score(study, best)}"
    if comparison.verdict == NO_VERDICT:
        return (
            f"{beginning}, {gap} ahead of {_name(following)}; with fewer than "
            f"{SEEDS_FOR_A_VERDICT} shared seeds that is no verdict."
        )
    apart = "separable" if comparison.verdict == BETTER else "but not separable"
    return f"{beginning}, {apart} from the next, {_name(following)} ({gap})."


def _baseline(study: Study) -> str:
    found = study.against_baseline
    base = _name(study.record.baseline)
    if len(found) < 2:
        return ""  # said already: it is one of the two that were just compared
    if all(comparison.verdict == NO_VERDICT for comparison in found.values()):
        return (
            f"No cell gets a verdict against {base}: a mean over fewer than "
            f"{SEEDS_FOR_A_VERDICT} seeds is not enough for one."
        )
    said = []
    for verdict in (BETTER, WORSE):
        cells = [cell for cell, comparison in found.items() if comparison.verdict == verdict]
        named = [f"{_name(cell)} ({points(found[cell])})" for cell in cells]
        if cells:
            said.append(f"{_those(named)} {_is(cells)} {verdict}")
    for verdict, ending in (
        (NOT_SEPARABLE, "not separable from it"),
        (NO_VERDICT, f"without a verdict (fewer than {SEEDS_FOR_A_VERDICT} shared seeds)"),
    ):
        cells = [cell for cell, comparison in found.items() if comparison.verdict == verdict]
        if cells:
            said.append(f"{_those([_name(cell) for cell in cells])} {_is(cells)} {ending}")
    return f"Against the baseline, {base}: {'; '.join(said)}."


def _factors(found: Sequence[Effect]) -> str:
    clear = [effect for effect in found if effect.comparison.verdict in (BETTER, WORSE)]
    if not found or all(effect.comparison.verdict == NO_VERDICT for effect in found):
        return ""
    if not clear:
        names = dict.fromkeys(effect.setting for effect in found)
        return f"No setting has an effect that is separable from noise ({_those(list(names))})."
    strongest = sorted(clear, key=lambda e: -abs(e.comparison.difference.mean))
    return f"All else being equal, {_those([_effect(effect) for effect in strongest])}."


def _effect(effect: Effect) -> str:
    change = f"{escape(effect.setting)} {shown(effect.value)} instead of {shown(effect.reference)}"
    return f"{change} changes mIoU by {points(effect.comparison)}"


def _together(together: Sequence[Interaction]) -> str:
    clear = [found for found in together if found.comparison.verdict in (BETTER, WORSE)]
    if not clear:
        return ""
    names = dict.fromkeys(" and ".join(escape(s) for s in found.settings) for found in clear)
    return f"Not simply added up: what one does depends on the other for {_those(list(names))}."


def _frontier(study: Study, latency_ms: Mapping[str, float]) -> str:
    scores = {cell: _mean(study, cell) for cell in study.record.cells if study.runs(cell)}
    cells = find_frontier(latency_ms, scores)
    if len(scores) < 2 or not cells:
        return ""
    if len(cells) == 1:
        fastest = f"{_name(cells[0])} ({number(latency_ms[cells[0]], 1)} ms)"
        return f"No cell is faster or scores higher than {fastest}."
    named = [f"{_name(cell)} ({number(latency_ms[cell], 1)} ms)" for cell in cells]
    if len(cells) == len(scores):
        return (
            f"All cells are on the accuracy-latency frontier, the fastest first: {_those(named)}."
        )
    return f"On the accuracy-latency frontier, the fastest first: {_those(named, limit=6)}."


def _missing(study: Study) -> str:
    gone = [run for run in study.record.runs if run.state != "FINISHED"]
    if not gone:
        return ""
    cells = dict.fromkeys(_name(run.cell) for run in gone)
    verb = "is" if len(gone) == 1 else "are"
    return (
        f"{len(gone)} of {len(study.record.runs)} trials {verb} missing, of {_those(list(cells))}."
    )


def points(comparison: Comparison) -> str:
    """A difference in points with its 95 % interval, where there is one."""
    low, high = comparison.difference.interval()
    mean = f"{100 * comparison.difference.mean:+.2f}"
    if low != low:  # NaN: neither seeds nor test set say how far it may be off
        return f"{mean} points"
    return f"{mean} points, 95 % interval {100 * low:+.2f} to {100 * high:+.2f}"


def shown(value: Any) -> str:
    """A setting's value as a reader would say it, in Markdown."""
    return escape(setting_value(value))


def _score(study: Study, cell: str) -> str:
    runs = study.runs(cell).values()
    return f"{percent(_mean(study, cell))} % mIoU ({_count(len(runs), 'seed')})"


def _mean(study: Study, cell: str) -> float:
    return summarise(run.metrics.get(study.metric) for run in study.runs(cell).values()).mean


def _name(cell: str) -> str:
    return f"**{escape(cell)}**"


def _those(names: Sequence[str], limit: int = _NAMED) -> str:
    """a, b and c; beyond a limit: and 4 more."""
    if len(names) > limit + 1:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _is(cells: Sequence[str]) -> str:
    return "is" if len(cells) == 1 else "are"


def _count(number_of: int, what: str) -> str:
    return f"{number_of} {what}{'' if number_of == 1 else 's'}"
