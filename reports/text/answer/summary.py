"""The opening section of a report: a few sentences made from the numbers.

They are as careful as the numbers: cells that cannot be told apart are not ranked, and cells or
settings without a verdict, a score or a latency are named. Cells are ranked by the same means that
are compared, adjusted for missing trials.
"""

import math
from collections.abc import Mapping, Sequence

from reports.analysis.comparison import Comparison
from reports.analysis.factors.effects import Effect, Interaction
from reports.analysis.statistics import summarise
from reports.analysis.study import Study, compare_best_two
from reports.analysis.verdict import (
    EQUIVALENT,
    INTERIM,
    SEEDS_FOR_A_VERDICT,
    is_better,
    is_equivalent,
    is_separable,
    is_verdict,
)
from reports.text.answer.frontier import describe_frontier
from reports.text.format import escape, first_names, percent, points, setting_value, with_unit
from reports.text.page import Page
from reports.text.sentences import bold, join, verb

_MAX_NAMES = 3  # of cells or settings in a sentence; the rest are counted
_VISIBLE_CHANGE = 5e-5  # the smallest change that can show in a score's two digits


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
        effects: the effects of the settings that vary.
        interactions: the interactions of the settings that vary.
        latency_ms: cell -> median latency; NaN or missing if it was not measured.
    """
    if not study.record.finished:
        return ["No results yet: no trial has finished."]
    sentences = [
        _describe_best(study),
        _compare_with_baseline(study),
        *_describe_effects(effects),
        _describe_interactions(interactions),
        *describe_frontier(study, latency_ms),
        *_name_missing(study),
    ]
    return [sentence for sentence in sentences if sentence]


def _describe_best(study: Study) -> str:
    cells = study.scored.cells
    if not cells:
        return "No finished trial has a score."
    best_two = compare_best_two(study)
    if best_two is None:
        return f"Only {bold(cells[0])} has a score: {_score(study, cells[0])}."
    best, second, comparison = best_two
    tied_cells = study.equal_to(best)
    if len(tied_cells) > 1:
        return _describe_tie(study, tied_cells, comparison)
    beginning = f"{bold(best)} scores highest with {_score(study, best)}"
    if math.isnan(comparison.difference.mean):
        runner_up = f"{_introduce_second(study, second)}, with {_score(study, second)}"
        return (
            f"{beginning}, ahead of {runner_up}; they share no seed, so the two are not compared."
        )
    runner_up = f"{_introduce_second(study, second)} ({points(comparison.difference)})"
    if not is_verdict(comparison.verdict):
        return f"{beginning}, ahead of {runner_up}; there is no verdict: {_reason(comparison)}."
    return f"{beginning}, {_relation(comparison.verdict)} {runner_up}."


def _introduce_second(study: Study, second: str) -> str:
    """Name the second best cell, and say whether others tie with it."""
    ties = len(study.equal_to(second)) - 1
    if not ties:
        return f"the runner-up, {bold(second)}"
    others = "another cell" if ties == 1 else f"{ties} other cells"
    return f"{bold(second)}, which ties with {others} for second place"


def _relation(verdict: str) -> str:
    """Relate the best cell to the runner-up."""
    if is_equivalent(verdict):
        return f"but is {with_unit(verdict)} to"
    if not is_separable(verdict):
        return "but is not separable from"
    _, _, limit = verdict.partition(", ")
    return f"and is separable, {with_unit(limit)}, from" if limit else "and is separable from"


def _describe_tie(study: Study, cells: Sequence[str], comparison: Comparison) -> str:
    """Name all cells with the highest mean; if there are two, say what comparing them shows."""
    score = f"{percent(study.scored.means[cells[0]])} % mIoU"
    beginning = f"{join([bold(cell) for cell in cells])} tie for the highest score, {score}"
    if len(cells) > 2:
        return f"{beginning}."
    if not is_verdict(comparison.verdict):
        return f"{beginning}; there is no verdict: {_reason(comparison)}."
    verdict = comparison.verdict
    relation = with_unit(verdict) if is_equivalent(verdict) else verdict
    return f"{beginning}; they are {relation} ({points(comparison.difference)})."


def _reason(comparison: Comparison) -> str:
    """Say why two cells have no verdict."""
    seeds = comparison.difference.seeds
    if comparison.verdict == INTERIM:
        return "this is an interim report"
    if seeds >= SEEDS_FOR_A_VERDICT:
        return "the spread over seeds is unknown"
    count = f"only {seeds} seed{'' if seeds == 1 else 's'}" if seeds else "no seed"
    return f"they share {count}, and {SEEDS_FOR_A_VERDICT} are required"


def _compare_with_baseline(study: Study) -> str:
    base, comparisons = study.record.baseline, study.against_baseline
    if study.scored.cells and base not in study.scored.cells:
        return f"The baseline, {bold(base)}, has no score, so no cell is compared with it."
    if len(comparisons) < 2:
        return ""  # the first sentence already compares the two
    groups: dict[str, list[str]] = {}
    for cell in sorted(comparisons, key=lambda cell: _order(comparisons[cell])):
        groups.setdefault(_predicate(comparisons[cell]), []).append(cell)
    clauses = [
        _clause(cells, predicate, {cell: comparisons[cell] for cell in cells})
        for predicate, cells in groups.items()
    ]
    return f"Compared with the baseline, {bold(base)}: {'; '.join(clauses)}."


def _order(comparison: Comparison) -> tuple[int, int]:
    """Return a key that sorts better cells first, and cells without a verdict last."""
    verdict = comparison.verdict
    if not is_verdict(verdict):
        return 4, -comparison.difference.seeds
    if is_separable(verdict):
        return (0 if is_better(verdict) else 1), len(verdict)
    return (2 if is_equivalent(verdict) else 3), 0


def _predicate(comparison: Comparison) -> str:
    """Write the predicate of a cell in the comparison with the baseline: "better", "no verdict"."""
    verdict, seeds = comparison.verdict, comparison.difference.seeds
    if verdict == INTERIM:
        return "no verdict yet (interim)"
    if not is_verdict(verdict):
        if seeds >= SEEDS_FOR_A_VERDICT:
            return "no verdict (the spread over seeds is unknown)"
        count = (
            f"only {seeds} shared seed{'' if seeds == 1 else 's'}" if seeds else "no shared seed"
        )
        return f"no verdict ({count}; {SEEDS_FOR_A_VERDICT} are required)"
    return with_unit(verdict) if is_equivalent(verdict) or ", " in verdict else verdict


def _clause(cells: Sequence[str], predicate: str, comparisons: Mapping[str, Comparison]) -> str:
    """Write one clause about all cells with a predicate."""
    has_points = is_separable(comparisons[cells[0]].verdict)
    names = [
        f"{bold(cell)} ({points(comparisons[cell].difference)})" if has_points else bold(cell)
        for cell in cells
    ]
    words = ("has", "have") if predicate.startswith("no verdict") else ("is", "are")
    return f"{join(names, _MAX_NAMES)} {verb(cells, *words)} {predicate}"


def _describe_effects(effects: Sequence[Effect]) -> list[str]:
    """Say which settings have a clear effect, which have none, and which have no verdict."""
    sentences = []
    clear_effects = [effect for effect in effects if is_separable(effect.comparison.verdict)]
    if clear_effects:
        strongest = sorted(clear_effects, key=lambda e: -abs(e.comparison.difference.mean))
        clauses = first_names([_effect(effect) for effect in strongest], _MAX_NAMES, separator="; ")
        sentences.append(f"All else being equal, {clauses}.")
    by_setting = {
        setting: [e for e in effects if e.setting == setting]
        for setting in dict.fromkeys(effect.setting for effect in effects)
    }
    unclear_settings, equivalent_settings, unjudged_changes = [], [], []
    for setting, group in by_setting.items():
        verdicts = [e.comparison.verdict for e in group if is_verdict(e.comparison.verdict)]
        if verdicts and all(map(is_equivalent, verdicts)):
            equivalent_settings.append(escape(setting))
        elif verdicts and not any(map(is_separable, verdicts)):
            unclear_settings.append(escape(setting))
        unjudged = [_change(e) for e in group if not is_verdict(e.comparison.verdict)]
        unjudged_changes += unjudged if verdicts else [escape(setting)]
    if unclear_settings:
        the_effects = verb(unclear_settings, "The effect", "The effects")
        are = verb(unclear_settings, "is", "are")
        names = join(unclear_settings, _MAX_NAMES)
        sentences.append(f"{the_effects} of {names} {are} not separable from noise.")
    if equivalent_settings:
        verdict = next(v for e in effects if is_equivalent(v := e.comparison.verdict))
        within = verdict.removeprefix(f"{EQUIVALENT} ")
        sentences.append(
            f"Every judged value of {join(equivalent_settings, _MAX_NAMES)} is equivalent to its "
            f"reference {with_unit(within)}."
        )
    if unjudged_changes:
        sentences.append(
            f"There is no verdict on the effect of {join(unjudged_changes, _MAX_NAMES)}."
        )
    return sentences


def _change(effect: Effect) -> str:
    """Name the two values of an effect, and the context in which it holds."""
    value, reference = (setting_value(v) for v in (effect.value, effect.reference))
    context = describe_context(effect)
    text = f"{escape(effect.setting)} {escape(value)} instead of {escape(reference)}"
    return f"{text} with {context}" if context else text


def describe_context(effect: Effect) -> str:
    """Return the settings that an effect holds for, such as "head a"; "" if it is general."""
    return " and ".join(
        f"{escape(name)} {escape(setting_value(value))}" for name, value in effect.context.items()
    )


def _effect(effect: Effect) -> str:
    mean, _, interval = points(effect.comparison.difference).partition(", ")
    return f"{_change(effect)} changes mIoU by {mean} ({interval})"


def _describe_interactions(interactions: Sequence[Interaction]) -> str:
    clear_interactions = [each for each in interactions if is_separable(each.comparison.verdict)]
    if not clear_interactions:
        return ""
    pairs = dict.fromkeys(
        " with ".join(escape(s) for s in each.settings) for each in clear_interactions
    )
    return (
        "Some effects do not simply add up, because settings interact: "
        f"{join(list(pairs), _MAX_NAMES)}."
    )


def _name_missing(study: Study) -> list[str]:
    """Name the cells of trials without a result, and of results without a score."""
    record, scored = study.record, study.scored
    unfinished = [run.cell for run in record.runs if run.state != "FINISHED"]
    unscored = [r.cell for r in record.finished if r.seed not in scored.shared_seeds(r.cell)]
    sentences = []
    if unfinished:
        cells = [bold(cell) for cell in dict.fromkeys(unfinished)]
        have = verb(unfinished, "has", "have")
        count = f"{len(unfinished)} of {len(record.runs)} trials {have} no result"
        sentences.append(f"{count}: {join(cells, _MAX_NAMES)}.")
    if unscored and scored.cells:
        cells = [bold(cell) for cell in dict.fromkeys(unscored)]
        trials = f"{len(unscored)} finished {verb(unscored, 'trial has', 'trials have')}"
        sentences.append(f"{trials} no score: {join(cells, _MAX_NAMES)}.")
    return sentences


def _score(study: Study, cell: str) -> str:
    """Write the mean of a cell; say that it is adjusted if the main table shows a different one."""
    mean, seeds = study.scored.means[cell], len(study.scored.shared_seeds(cell))
    plain = summarise(run.metrics.get(study.metric) for run in study.runs(cell).values()).mean
    adjusted = ", adjusted for missing ones" if abs(mean - plain) > _VISIBLE_CHANGE else ""
    return f"{percent(mean)} % mIoU ({seeds} seed{'' if seeds == 1 else 's'}{adjusted})"
