"""The opening section of a report: three to six findings, each one short sentence.

They are as careful as the numbers: cells that cannot be told apart are not ranked, and cells or
settings without a verdict, a score or a latency are named. Cells are ranked by the same means that
are compared, adjusted for missing trials. Intervals are in the tables.
"""

from collections.abc import Mapping, Sequence

from reports.analysis.comparison import Comparison
from reports.analysis.factors.effects import Effect, Interaction
from reports.analysis.families.best_two import compare_best_two
from reports.analysis.statistics import summarise
from reports.analysis.study import Study
from reports.analysis.verdict import (
    INTERIM,
    SEEDS_FOR_A_VERDICT,
    is_better,
    is_equivalent,
    is_separable,
    is_verdict,
)
from reports.text.answer.effects import describe_interactions, describe_strongest_effect
from reports.text.answer.frontier import describe_frontier, name_untimed_cells
from reports.text.format import percent, with_unit
from reports.text.page import Page
from reports.text.sentences import bold, join, verb
from reports.text.steadiness import describe_steadiest

_MAX_FINDINGS = 6
_MAX_NAMES = 3  # of cells in a list; the rest are counted
_MAX_COMPARED = 8  # cells; of more, each clause names one, else the sentence fills a phone
_VISIBLE_CHANGE = 5e-5  # the smallest change that can show in a score's two digits


def write_answer(page: Page) -> str:
    """Write the "Answer" section."""
    findings = answer(page.study, page.effects, page.interactions, page.latency_ms)
    steadiest = describe_steadiest(page)
    if steadiest and len(findings) < _MAX_FINDINGS:
        findings.append(steadiest)
    return "## Answer\n\n" + "\n".join(f"- {finding}" for finding in findings)


def answer(
    study: Study,
    effects: Sequence[Effect],
    interactions: Sequence[Interaction],
    latency_ms: Mapping[str, float],
) -> list[str]:
    """Answer the question of an experiment in at most six short sentences.

    Args:
        study: the measured cells.
        effects: the effects of the settings that vary.
        interactions: the interactions of the settings that vary.
        latency_ms: cell -> median latency; NaN or missing if it was not measured.
    """
    if not study.record.finished:
        return ["No results yet: no trial has finished."]
    findings = [
        _describe_best(study),
        _compare_with_baseline(study),
        describe_strongest_effect(effects),
        describe_interactions(interactions),
        describe_frontier(study, latency_ms),
        _name_missing(study, latency_ms),
    ]
    return [finding for finding in findings if finding]


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
    beginning = f"{bold(best)} scores highest, {_score(study, best)}"
    runner_up = _introduce_second(study, second)
    if is_verdict(comparison.verdict):
        return f"{beginning}, {_relation(comparison.verdict)} {runner_up}."
    return f"{beginning}, ahead of {runner_up}; there is no verdict: {_reason(comparison)}."


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
    return f"{beginning}; they are {with_unit(verdict) if is_equivalent(verdict) else verdict}."


def _reason(comparison: Comparison) -> str:
    """Say why two cells have no verdict."""
    seeds = comparison.difference.seeds
    if comparison.verdict == INTERIM:
        return "this is an interim report"
    if seeds >= SEEDS_FOR_A_VERDICT:
        return "the spread over seeds is unknown"
    return f"fewer than {SEEDS_FOR_A_VERDICT} shared seeds"


def _compare_with_baseline(study: Study) -> str:
    base, comparisons = study.record.baseline, study.against_baseline
    if study.scored.cells and base not in study.scored.cells:
        return f"The baseline, {bold(base)}, has no score, so no cell is compared with it."
    if len(comparisons) < 2:
        return ""  # the first sentence already compares the two
    groups: dict[str, list[str]] = {}
    best_first = sorted(comparisons, key=study.ranked.index)
    for cell in sorted(best_first, key=lambda cell: _order(comparisons[cell])):
        groups.setdefault(_predicate(comparisons[cell]), []).append(cell)
    limit = _MAX_NAMES if len(comparisons) <= _MAX_COMPARED else 1
    clauses = [
        _clause(cells, predicate, {cell: comparisons[cell] for cell in cells}, limit)
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
        return f"no verdict (fewer than {SEEDS_FOR_A_VERDICT} shared seeds)"
    return with_unit(verdict) if is_equivalent(verdict) or ", " in verdict else verdict


def _clause(
    cells: Sequence[str], predicate: str, comparisons: Mapping[str, Comparison], limit: int
) -> str:
    """Write one clause about all cells with a predicate; a clear one has its largest difference."""
    words = ("has", "have") if predicate.startswith("no verdict") else ("is", "are")
    text = f"{join([bold(cell) for cell in cells], limit)} {verb(cells, *words)} {predicate}"
    if not is_separable(predicate) or ", " in predicate:
        return text
    largest = max(abs(comparison.difference.mean) for comparison in comparisons.values())
    return f"{text} by {verb(cells, '', 'up to ')}{percent(largest)} points"


def _name_missing(study: Study, latency_ms: Mapping[str, float]) -> str:
    """Name the cells that lack results, scores or a latency; return "" if none does."""
    record, scored = study.record, study.scored
    unfinished = [run.cell for run in record.runs if run.state != "FINISHED"]
    unscored = [r.cell for r in record.finished if r.seed not in scored.shared_seeds(r.cell)]
    parts = []
    if unfinished:
        cells = [bold(cell) for cell in dict.fromkeys(unfinished)]
        count = f"{len(unfinished)} of {len(record.runs)} trials without a result"
        parts.append(f"{count} ({join(cells, _MAX_NAMES)})")
    if unscored and scored.cells:
        cells = [bold(cell) for cell in dict.fromkeys(unscored)]
        trials = f"{len(unscored)} finished {verb(unscored, 'trial', 'trials')} without a score"
        parts.append(f"{trials} ({join(cells, _MAX_NAMES)})")
    parts += filter(None, [name_untimed_cells(study, latency_ms)])
    return f"Missing: {'; '.join(parts)}." if parts else ""


def _score(study: Study, cell: str) -> str:
    """Write the mean of a cell; say that it is adjusted if the main table shows a different one."""
    mean = study.scored.means[cell]
    plain = summarise(run.metrics.get(study.metric) for run in study.runs(cell).values()).mean
    adjusted = " (adjusted for missing seeds)" if abs(mean - plain) > _VISIBLE_CHANGE else ""
    return f"{percent(mean)} % mIoU{adjusted}"
