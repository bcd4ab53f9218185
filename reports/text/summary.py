"""The opening section of a report: a few sentences made from the numbers.

They are as careful as the numbers: cells that cannot be told apart are not ranked, and missing
trials are mentioned at once.
"""

from collections.abc import Mapping, Sequence

from reports.analysis.comparison import Comparison
from reports.analysis.factors import Effect, Interaction
from reports.analysis.statistics import summarise
from reports.analysis.study import Study, compare_best_two, find_frontier
from reports.analysis.verdict import (
    BETTER,
    NO_VERDICT,
    NOT_SEPARABLE,
    SEEDS_FOR_A_VERDICT,
    WORSE,
)
from reports.text.format import escape, first_names, number, percent, points, setting_value
from reports.text.page import Page

_NAMED = 3  # cells or settings that a sentence names before it counts the rest
_NAMED_ON_FRONTIER = 6


def write_answer(page: Page) -> str:
    """Write the section."""
    sentences = answer(page.study, page.effects, page.interactions, page.latency_ms)
    return "## Answer\n\n" + " ".join(sentences)


def answer(
    study: Study,
    effects: Sequence[Effect],
    interactions: Sequence[Interaction],
    latency_ms: Mapping[str, float],
) -> list[str]:
    """Answer the question of an experiment in up to six sentences.

    Args:
        study: the measured cells.
        effects: of the settings that vary.
        interactions: of the settings that vary.
        latency_ms: cell -> median latency; NaN or missing if it was not measured.
    """
    if not study.record.finished:
        return ["No results yet: no trial has finished."]
    sentences = [
        _best(study),
        _baseline(study),
        _effects(effects),
        _interactions(interactions),
        _frontier(study, latency_ms),
        _missing(study),
    ]
    return [sentence for sentence in sentences if sentence]


def _best(study: Study) -> str:
    best_two = compare_best_two(study)
    if best_two is None:
        cell = next(cell for cell in study.record.cells if study.runs(cell))
        return f"Only {_bold(cell)} has a result: {_score(study, cell)}."
    best, second, comparison = best_two
    beginning = f"{_bold(best)} scores highest with {_score(study, best)}"
    runner_up = f"the runner-up, {_bold(second)} ({points(comparison.difference)})"
    if comparison.verdict == NO_VERDICT:
        return (
            f"{beginning}, ahead of {runner_up}; there is no verdict with fewer than "
            f"{SEEDS_FOR_A_VERDICT} shared seeds."
        )
    relation = "and is" if comparison.verdict == BETTER else "but is not"
    return f"{beginning}, {relation} separable from {runner_up}."


def _baseline(study: Study) -> str:
    comparisons = study.against_baseline
    base = _bold(study.record.baseline)
    if len(comparisons) < 2:
        return ""  # the first sentence compares the two already
    if all(comparison.verdict == NO_VERDICT for comparison in comparisons.values()):
        return (
            f"No cell gets a verdict against the baseline, {base}: that takes at least "
            f"{SEEDS_FOR_A_VERDICT} shared seeds."
        )
    clauses = [
        *_clauses(comparisons, BETTER, BETTER, with_points=True),
        *_clauses(comparisons, WORSE, WORSE, with_points=True),
        *_clauses(comparisons, NOT_SEPARABLE, "not separable from it"),
        *_clauses(
            comparisons,
            NO_VERDICT,
            f"without a verdict (fewer than {SEEDS_FOR_A_VERDICT} shared seeds)",
        ),
    ]
    return f"Compared with the baseline, {base}: {'; '.join(clauses)}."


def _clauses(
    comparisons: Mapping[str, Comparison], verdict: str, predicate: str, with_points: bool = False
) -> list[str]:
    """Write one clause on all cells with a verdict, if there are any."""
    cells = [cell for cell, comparison in comparisons.items() if comparison.verdict == verdict]
    if not cells:
        return []
    names = [
        f"{_bold(cell)} ({points(comparisons[cell].difference)})" if with_points else _bold(cell)
        for cell in cells
    ]
    verb = "is" if len(cells) == 1 else "are"
    return [f"{_join(names)} {verb} {predicate}"]


def _effects(effects: Sequence[Effect]) -> str:
    clear = [effect for effect in effects if effect.comparison.verdict in (BETTER, WORSE)]
    if all(effect.comparison.verdict == NO_VERDICT for effect in effects):
        return ""
    if not clear:
        settings = dict.fromkeys(escape(effect.setting) for effect in effects)
        return f"No setting has an effect separable from noise (varied: {_join(list(settings))})."
    strongest = sorted(clear, key=lambda e: -abs(e.comparison.difference.mean))
    clauses = first_names([_effect(effect) for effect in strongest], _NAMED, separator="; ")
    return f"All else being equal, {clauses}."


def _effect(effect: Effect) -> str:
    value, reference = (setting_value(v) for v in (effect.value, effect.reference))
    return (
        f"{escape(effect.setting)} {escape(value)} instead of {escape(reference)} changes mIoU by "
        f"{points(effect.comparison.difference)}"
    )


def _interactions(interactions: Sequence[Interaction]) -> str:
    clear = [each for each in interactions if each.comparison.verdict in (BETTER, WORSE)]
    if not clear:
        return ""
    pairs = dict.fromkeys(" with ".join(escape(s) for s in each.settings) for each in clear)
    return f"Some effects do not simply add up, because settings interact: {_join(list(pairs))}."


def _frontier(study: Study, latency_ms: Mapping[str, float]) -> str:
    scores = {cell: _mean(study, cell) for cell in study.record.cells if study.runs(cell)}
    cells = find_frontier(latency_ms, scores)
    if len(scores) < 2 or not cells:
        return ""
    names = [f"{_bold(cell)} ({number(latency_ms[cell], 1)} ms)" for cell in cells]
    if len(cells) == 1:
        return f"No other cell is faster or scores higher than {names[0]}."
    if len(cells) == len(scores):
        return f"All cells are on the accuracy-latency frontier; fastest first: {_join(names)}."
    return f"On the accuracy-latency frontier, fastest first: {_join(names, _NAMED_ON_FRONTIER)}."


def _missing(study: Study) -> str:
    missing = [run for run in study.record.runs if run.state != "FINISHED"]
    if not missing:
        return ""
    cells = dict.fromkeys(_bold(run.cell) for run in missing)
    verb = "is" if len(missing) == 1 else "are"
    return (
        f"{len(missing)} of {len(study.record.runs)} trials {verb} missing: {_join(list(cells))}."
    )


def _score(study: Study, cell: str) -> str:
    seeds = len(study.runs(cell))
    return f"{percent(_mean(study, cell))} % mIoU ({seeds} seed{'' if seeds == 1 else 's'})"


def _mean(study: Study, cell: str) -> float:
    return summarise(run.metrics.get(study.metric) for run in study.runs(cell).values()).mean


def _bold(cell: str) -> str:
    return f"**{escape(cell)}**"


def _join(names: Sequence[str], limit: int = _NAMED) -> str:
    """Join names as in a sentence: a, b and c; beyond the limit: a, b, c and 4 more."""
    if len(names) > limit + 1:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
