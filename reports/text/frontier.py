"""The sentences on accuracy against latency."""

import math
from collections.abc import Mapping, Sequence

from reports.analysis.study import Study, compare_neighbours, find_frontier
from reports.analysis.verdict import is_equivalent, is_separable, is_verdict
from reports.text.format import number, points
from reports.text.sentences import bold, join, verb

_NAMED = 6  # cells that the sentence names before it counts the rest


def describe_frontier(study: Study, latency_ms: Mapping[str, float]) -> list[str]:
    """Name the cells that no other beats, the doubt about their leads, and the unmeasured cells.

    Args:
        study: the measured cells.
        latency_ms: cell -> median latency; NaN or missing if it was not measured.
    """
    means = study.scored.means
    measured = [c for c in means if not math.isnan(latency_ms.get(c, math.nan))]
    if len(means) < 2 or not measured:
        return []
    frontier = find_frontier(latency_ms, means)
    unmeasured = [bold(cell) for cell in means if cell not in measured]
    sentences = [_members(study, measured, frontier, latency_ms), *_doubts(study, frontier)]
    if unmeasured:
        have = verb(unmeasured, "has", "have")
        its = verb(unmeasured, "its place", "their places")
        sentences.append(f"{join(unmeasured)} {have} no latency, so {its} on it cannot be told.")
    return sentences


def _members(
    study: Study, measured: Sequence[str], frontier: Sequence[str], latency_ms: Mapping[str, float]
) -> str:
    names = [f"{bold(cell)} ({number(latency_ms[cell], 1)} ms)" for cell in frontier]
    is_complete = len(measured) == len(study.record.cells)
    if len(measured) == 1:
        return f"Only {names[0]} has both a score and a latency, so there is no frontier."
    if len(frontier) == 1:
        if is_complete:
            return f"No other cell is faster or scores higher than {names[0]}."
        return (
            f"Of the {len(measured)} cells with a score and a latency, none is faster or scores "
            f"higher than {names[0]}."
        )
    if is_complete and len(frontier) == len(measured):
        return (
            f"All cells are on the accuracy-latency frontier; fastest first: {join(names, _NAMED)}."
        )
    return f"On the accuracy-latency frontier, fastest first: {join(names, _NAMED)}."


def _doubts(study: Study, frontier: Sequence[str]) -> list[str]:
    """Say which cells of the frontier may be there by chance."""
    unclear, equivalent, unjudged = [], [], []
    within = ""
    for slower, faster, comparison in compare_neighbours(study, frontier):
        verdict = comparison.verdict
        if is_separable(verdict):
            continue
        lead = f"of {bold(slower)} over {bold(faster)}"
        if is_equivalent(verdict):
            equivalent.append(f"{bold(slower)} to {bold(faster)}")
            within = verdict
        elif is_verdict(verdict):
            unclear.append(f"{lead} ({points(comparison.difference)})")
        else:
            unjudged.append(lead)
    sentences = []
    if unclear:
        leads, are = verb(unclear, "The lead", "The leads"), verb(unclear, "is", "are")
        sentences.append(f"{leads} {join(unclear)} {are} not separable.")
    if equivalent:
        are = verb(equivalent, "is", "are")
        sentences.append(f"Next to each other on it, {join(equivalent)} {are} {within} points.")
    if unjudged:
        leads = verb(unjudged, "the lead", "the leads")
        sentences.append(f"There is no verdict on {leads} {join(unjudged)}.")
    return sentences
