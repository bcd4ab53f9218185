"""The sentences on accuracy against latency."""

import math
from collections.abc import Mapping, Sequence

from reports.analysis.frontier import compare_neighbours, find_frontier
from reports.analysis.study import Study
from reports.analysis.verdict import EQUIVALENT, is_equivalent, is_separable, is_verdict
from reports.text.format import number, points, with_unit
from reports.text.sentences import bold, join, verb

_MAX_NAMES = 6  # of cells in a sentence; the rest are counted


def describe_frontier(study: Study, latency_ms: Mapping[str, float]) -> list[str]:
    """Name the cells on the frontier, their doubtful leads, and the cells without a latency.

    Args:
        study: the measured cells.
        latency_ms: cell -> median latency; NaN or missing if it was not measured.
    """
    means = study.scored.means
    timed_cells = [c for c in means if not math.isnan(latency_ms.get(c, math.nan))]
    if len(means) < 2 or not timed_cells:
        return []
    frontier = find_frontier(latency_ms, means)
    untimed_cells = [bold(cell) for cell in means if cell not in timed_cells]
    sentences = [
        _name_members(study, timed_cells, frontier, latency_ms),
        *_name_doubtful_leads(study, frontier),
    ]
    if untimed_cells:
        have = verb(untimed_cells, "has", "have")
        they = verb(untimed_cells, "it", "they")
        sentences.append(
            f"{join(untimed_cells)} {have} no latency, so {they} cannot be compared by speed."
        )
    return sentences


def _name_members(
    study: Study,
    timed_cells: Sequence[str],
    frontier: Sequence[str],
    latency_ms: Mapping[str, float],
) -> str:
    names = [f"{bold(cell)} ({number(latency_ms[cell], 1)} ms)" for cell in frontier]
    is_complete = len(timed_cells) == len(study.record.cells)
    if len(timed_cells) == 1:
        return f"Only {names[0]} has both a score and a latency, so there is no frontier."
    if len(frontier) == 1:
        if is_complete:
            return f"No other cell is faster or scores higher than {names[0]}."
        return (
            f"Of the {len(timed_cells)} cells with a score and a latency, none is faster or scores "
            f"higher than {names[0]}."
        )
    is_whole = is_complete and len(frontier) == len(timed_cells)
    cells = "All cells" if is_whole else "These cells"
    return (
        f"{cells} are on the accuracy-latency frontier, fastest first: {join(names, _MAX_NAMES)}."
    )


def _name_doubtful_leads(study: Study, frontier: Sequence[str]) -> list[str]:
    """Say which cells of the frontier may be there by chance."""
    unclear_leads, unjudged_leads = [], []
    equivalent_pairs: list[str] = []
    within = ""
    for slower, faster, comparison in compare_neighbours(study, frontier):
        verdict = comparison.verdict
        if is_separable(verdict):
            continue
        lead = f"of {bold(slower)} over {bold(faster)}"
        if is_equivalent(verdict):
            relation = "to" if equivalent_pairs else "is equivalent to"
            equivalent_pairs.append(f"{bold(slower)} {relation} {bold(faster)}")
            within = verdict.removeprefix(f"{EQUIVALENT} ")
        elif is_verdict(verdict):
            unclear_leads.append(f"{lead} ({points(comparison.difference)})")
        else:
            unjudged_leads.append(lead)
    sentences = []
    if unclear_leads:
        leads, are = verb(unclear_leads, "The lead", "The leads"), verb(unclear_leads, "is", "are")
        sentences.append(f"{leads} {join(unclear_leads)} {are} not separable from noise.")
    if equivalent_pairs:
        sentences.append(f"On the frontier, {join(equivalent_pairs)} {with_unit(within)}.")
    if unjudged_leads:
        leads = verb(unjudged_leads, "the lead", "the leads")
        sentences.append(f"There is no verdict on {leads} {join(unjudged_leads)}.")
    return sentences
