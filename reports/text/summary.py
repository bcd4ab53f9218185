"""The opening section of a report: a few sentences made from the numbers.

They are as careful as the numbers: cells that cannot be told apart are not ranked, and cells or
settings without a verdict, a score or a latency are mentioned at once. Cells are ranked by the same
means that are compared, adjusted for missing trials.
"""

import math
from collections.abc import Mapping, Sequence

from reports.analysis.comparison import Comparison
from reports.analysis.factors.effects import Effect, Interaction
from reports.analysis.statistics import summarise
from reports.analysis.study import Study, compare_best_two
from reports.analysis.verdict import (
    INTERIM,
    SEEDS_FOR_A_VERDICT,
    is_better,
    is_equivalent,
    is_separable,
    is_verdict,
)
from reports.text.format import escape, first_names, percent, points, setting_value
from reports.text.frontier import describe_frontier
from reports.text.page import Page
from reports.text.sentences import bold, join, verb

_NAMED = 3  # cells or settings that a sentence names before it counts the rest
_VISIBLE = 5e-5  # the smallest change of a score that its two digits may show


def write_answer(page: Page) -> str:
    """Write the "Answer" section."""
    sentences = answer(page.study, page.effects, page.interactions, page.latency_ms)
    return "## Answer\n\n" + " ".join(sentences)


def answer(
    study: Study,
    effects: Sequence[Effect],
    interactions: Sequence[Interaction],
    latency_ms: Mapping[str, float],
) -> list[str]:
    """Answer the question of an experiment in a few sentences.

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
        *_effects(effects),
        _interactions(interactions),
        *describe_frontier(study, latency_ms),
        *_missing(study),
    ]
    return [sentence for sentence in sentences if sentence]


def _best(study: Study) -> str:
    cells = study.scored.cells
    if not cells:
        return "No finished trial has a score."
    best_two = compare_best_two(study)
    if best_two is None:
        return f"Only {bold(cells[0])} has a score: {_score(study, cells[0])}."
    best, second, comparison = best_two
    tied = study.equal_to(best)
    if len(tied) > 1:
        return _tie(study, tied, comparison)
    beginning = f"{bold(best)} scores highest with {_score(study, best)}"
    if math.isnan(comparison.difference.mean):
        return (
            f"{beginning}. The runner-up, {bold(second)} with {_score(study, second)}, shares no "
            "seed with it, so the two are not compared."
        )
    runner_up = f"the runner-up, {bold(second)} ({points(comparison.difference)})"
    if not is_verdict(comparison.verdict):
        return f"{beginning}, ahead of {runner_up}; there is no verdict: {_reason(comparison)}."
    return f"{beginning}, {_relation(comparison.verdict)} {runner_up}."


def _relation(verdict: str) -> str:
    """Relate the best cell to the next one."""
    if is_equivalent(verdict):
        return f"but is {verdict} points to"
    if not is_separable(verdict):
        return "but is not separable from"
    _, _, limit = verdict.partition(", ")
    return f"and is separable, {limit} points, from" if limit else "and is separable from"


def _tie(study: Study, cells: Sequence[str], comparison: Comparison) -> str:
    """Name all cells with the highest mean; if there are two, say what comparing them shows."""
    score = f"{percent(study.scored.means[cells[0]])} % mIoU"
    beginning = f"{join([bold(cell) for cell in cells])} tie for the highest score, {score}"
    if len(cells) > 2:
        return f"{beginning}."
    if not is_verdict(comparison.verdict):
        return f"{beginning}; there is no verdict: {_reason(comparison)}."
    verdict = comparison.verdict
    relation = f"{verdict} points" if is_equivalent(verdict) else verdict
    return f"{beginning}; they are {relation} ({points(comparison.difference)})."


def _reason(comparison: Comparison) -> str:
    """Say why two cells have no verdict."""
    seeds = comparison.difference.seeds
    if comparison.verdict == INTERIM:
        return "this is an interim report"
    if seeds >= SEEDS_FOR_A_VERDICT:
        return "no spread over seeds is known"
    count = f"only {seeds} seed{'' if seeds == 1 else 's'}" if seeds else "no seed"
    return f"they share {count}, and it takes {SEEDS_FOR_A_VERDICT}"


def _baseline(study: Study) -> str:
    base, comparisons = study.record.baseline, study.against_baseline
    if study.scored.cells and base not in study.scored.cells:
        return f"The baseline, {bold(base)}, has no score, so no cell is compared with it."
    if len(comparisons) < 2:
        return ""  # the first sentence compares the two already
    groups: dict[str, list[str]] = {}
    for cell in sorted(comparisons, key=lambda cell: _order(comparisons[cell])):
        groups.setdefault(_predicate(comparisons[cell]), []).append(cell)
    clauses = [
        _clause(cells, predicate, {cell: comparisons[cell] for cell in cells})
        for predicate, cells in groups.items()
    ]
    return f"Compared with the baseline, {bold(base)}: {'; '.join(clauses)}."


def _order(comparison: Comparison) -> tuple[int, int]:
    """Sort better cells first and those without a verdict last, the fewest seeds at the end."""
    verdict = comparison.verdict
    if not is_verdict(verdict):
        return 4, -comparison.difference.seeds
    if is_separable(verdict):
        return (0 if is_better(verdict) else 1), len(verdict)
    return (2 if is_equivalent(verdict) else 3), 0


def _predicate(comparison: Comparison) -> str:
    """Say what a cell is compared with the baseline, after "is" or "has"."""
    verdict, seeds = comparison.verdict, comparison.difference.seeds
    if verdict == INTERIM:
        return "no verdict yet (interim)"
    if not is_verdict(verdict):
        if seeds >= SEEDS_FOR_A_VERDICT:
            return "no verdict (no spread over seeds is known)"
        count = (
            f"only {seeds} shared seed{'' if seeds == 1 else 's'}" if seeds else "no shared seed"
        )
        return f"no verdict ({count}; it takes {SEEDS_FOR_A_VERDICT})"
    if is_equivalent(verdict):
        return f"{verdict.replace(' within', ' to it within')} points"
    if is_separable(verdict):
        return f"{verdict} points" if ", " in verdict else verdict
    return f"{verdict} from it"


def _clause(cells: Sequence[str], predicate: str, comparisons: Mapping[str, Comparison]) -> str:
    """Write one clause on all cells with a predicate."""
    has_points = is_separable(comparisons[cells[0]].verdict)
    names = [
        f"{bold(cell)} ({points(comparisons[cell].difference)})" if has_points else bold(cell)
        for cell in cells
    ]
    words = ("has", "have") if predicate.startswith("no verdict") else ("is", "are")
    return f"{join(names, _NAMED)} {verb(cells, *words)} {predicate}"


def _effects(effects: Sequence[Effect]) -> list[str]:
    """Say which settings have an effect, which have none that shows, and which have no verdict."""
    sentences = []
    clear = [effect for effect in effects if is_separable(effect.comparison.verdict)]
    if clear:
        strongest = sorted(clear, key=lambda e: -abs(e.comparison.difference.mean))
        clauses = first_names([_effect(effect) for effect in strongest], _NAMED, separator="; ")
        sentences.append(f"All else being equal, {clauses}.")
    by_setting = {
        setting: [e for e in effects if e.setting == setting]
        for setting in dict.fromkeys(effect.setting for effect in effects)
    }
    unclear, equivalent, unjudged = [], [], []
    for setting, of_setting in by_setting.items():
        verdicts = [e.comparison.verdict for e in of_setting if is_verdict(e.comparison.verdict)]
        if verdicts and all(map(is_equivalent, verdicts)):
            equivalent.append(f"{escape(setting)}")
        elif verdicts and not any(map(is_separable, verdicts)):
            unclear.append(escape(setting))
        without = [e for e in of_setting if not is_verdict(e.comparison.verdict)]
        unjudged += [escape(setting)] if not verdicts else [_change(e) for e in without]
    if unclear:
        sentences.append(f"No effect of {join(unclear, _NAMED)} is separable from noise.")
    if equivalent:
        within = next(v for e in effects if is_equivalent(v := e.comparison.verdict))
        sentences.append(
            f"No judged value of {join(equivalent, _NAMED)} makes a difference: each is {within} "
            "points to its reference."
        )
    if unjudged:
        sentences.append(f"There is no verdict on the effect of {join(unjudged, _NAMED)}.")
    return sentences


def _change(effect: Effect) -> str:
    """Name the two values of an effect, and where it holds."""
    value, reference = (setting_value(v) for v in (effect.value, effect.reference))
    where = describe_context(effect)
    text = f"{escape(effect.setting)} {escape(value)} instead of {escape(reference)}"
    return f"{text} with {where}" if where else text


def describe_context(effect: Effect) -> str:
    """Return the settings that an effect holds for, such as "head a"; nothing if it is general."""
    return " and ".join(
        f"{escape(name)} {escape(setting_value(value))}" for name, value in effect.context.items()
    )


def _effect(effect: Effect) -> str:
    return f"{_change(effect)} changes mIoU by {points(effect.comparison.difference)}"


def _interactions(interactions: Sequence[Interaction]) -> str:
    clear = [each for each in interactions if is_separable(each.comparison.verdict)]
    if not clear:
        return ""
    pairs = dict.fromkeys(" with ".join(escape(s) for s in each.settings) for each in clear)
    return (
        "Some effects do not simply add up, because settings interact: "
        f"{join(list(pairs), _NAMED)}."
    )


def _missing(study: Study) -> list[str]:
    record, scored = study.record, study.scored
    missing = [run.cell for run in record.runs if run.state != "FINISHED"]
    unscored = [r.cell for r in record.finished if r.seed not in scored.shared_seeds(r.cell)]
    sentences = []
    if missing:
        cells = [bold(cell) for cell in dict.fromkeys(missing)]
        count = f"{len(missing)} of {len(record.runs)} trials {verb(missing, 'is', 'are')} missing"
        sentences.append(f"{count}: {join(cells, _NAMED)}.")
    if unscored and scored.cells:
        cells = [bold(cell) for cell in dict.fromkeys(unscored)]
        trials = f"{len(unscored)} finished {verb(unscored, 'trial has', 'trials have')}"
        sentences.append(f"{trials} no score: {join(cells, _NAMED)}.")
    return sentences


def _score(study: Study, cell: str) -> str:
    """Write the mean of a cell, and that it is adjusted if the main table shows another one."""
    mean, seeds = study.scored.means[cell], len(study.scored.shared_seeds(cell))
    plain = summarise(run.metrics.get(study.metric) for run in study.runs(cell).values()).mean
    adjusted = ", adjusted for missing ones" if abs(mean - plain) > _VISIBLE else ""
    return f"{percent(mean)} % mIoU ({seeds} seed{'' if seeds == 1 else 's'}{adjusted})"
