"""Every sentence of an answer, checked against the numbers behind it.

The records are awkward: ties, crossovers, missing and failed trials, scores that are not numbers,
seeds that no two cells share, missing latencies. Each sentence must match one of the patterns
below, and each pattern has its own checks.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.analysis.comparison import Comparison
from reports.analysis.factors.effects import Effect, estimate_effects, estimate_interactions
from reports.analysis.study import Study
from reports.records import ExperimentRecord, RunRecord
from reports.text.answer.effects import describe_other_effects
from reports.text.answer.summary import answer
from tests.reports.conftest import SETTINGS, finished_run, record

FRAMES = [f"{sequence}/1" for sequence in "abcdef"]
SEEDS = ((0,), (0, 1), (2, 3), (0, 1, 2), (1, 2, 3), (0, 1, 2, 3))
BOLD = r"\*\*(c\d+)\*\*"
NUMBER = r"[+-]\d+\.\d\d"
SCORE = r"(\d+\.\d\d) % mIoU( \(adjusted for missing seeds\))?"


OddCase = tuple[ExperimentRecord, dict[str, float]]  # an experiment, and cell -> latency in ms


@st.composite
def records(draw: st.DrawFn) -> OddCase:
    """Draw an experiment of up to six cells and the latencies of some of them.

    Half of the experiments are regular, so that there are verdicts: all cells have the same seeds,
    and no score is missing.
    """
    is_regular = draw(st.booleans())
    count = draw(st.integers(3 if is_regular else 1, 6))
    common_seeds = draw(st.sampled_from([range(3), range(4)])) if is_regular else None
    shifts = draw(st.tuples(*[st.sampled_from([0.0, 0.02, -0.05])] * 4))
    noises = st.sampled_from([0.0, 0.001, -0.001, 0.003] if is_regular else [0.0, 0.001, -0.02])
    levels = st.sampled_from([0.40, 0.401, 0.404, 0.43, 0.60])
    has_counts = draw(st.booleans())
    runs, latency = [], {}
    for number in range(count):
        cell, level = f"c{number}", draw(levels)
        options = {"a": number % 2, "b": number // 2}
        if not is_regular:
            options = {"a": draw(st.integers(0, 1)), "b": draw(st.integers(0, 2)), "id": number % 2}
        seeds = common_seeds or draw(st.sampled_from(SEEDS))
        has_failed = draw(st.integers(0, 30 if is_regular else 7)) == 0
        for seed in seeds:
            score = level + shifts[seed] + draw(noises)
            if not is_regular and draw(st.integers(0, 15)) == 0:
                score = math.nan
            runs.append(trial(cell, seed, score, options, has_failed, has_counts))
        if draw(st.integers(0, 5)):
            latency[cell] = draw(st.sampled_from([1.0, 2.0, 2.0, 3.5, 9.0]))
        elif draw(st.booleans()):
            latency[cell] = math.nan
    changes = {
        "margin_points": draw(st.sampled_from([None, 0.5, 4.0])),
        "interim": draw(st.sampled_from([None] * 6 + ["a trial is running"])),
    }
    return record(runs, **changes), latency


def trial(
    cell: str,
    seed: int,
    score: float,
    options: dict[str, Any],
    has_failed: bool = False,
    has_counts: bool = False,
) -> RunRecord:
    """Make a trial, optionally with per-frame counts."""
    values = {**SETTINGS, **options, "seed": seed}
    if has_failed:
        return RunRecord(cell, seed, f"{cell}-{seed}", "FAILED", values)
    changes: dict[str, Any] = {"settings": values}
    if has_counts:
        rng = np.random.default_rng([seed, round(1e4 * score) if math.isfinite(score) else 0])
        counts = rng.integers(1, 60, (len(FRAMES), 2, 2))
        changes |= {"frames": FRAMES, "classes": ["road", "sky"], "confusions": counts}
    return finished_run(cell, seed, score, **changes)


BASE = (0.40, 0.42, 0.44)


def cells(*scores: Iterable[float], first_seed: tuple[int, ...] = (), **changes: Any) -> OddCase:
    """Make cells with these scores by seed, each slower than the previous one.

    The seeds of a cell begin at 0, or at its `first_seed`.
    """
    runs = [
        trial(f"c{number}", seed + (first_seed[number] if first_seed else 0), score, options)
        for number, row in enumerate(scores)
        for options in [{"a": number % 2, "b": number // 2}]
        for seed, score in enumerate(row)
    ]
    return record(runs, **changes), {run.cell: 1.0 + int(run.cell[1:]) for run in runs}


def offset(points: float, noise: float = 0.0) -> list[float]:
    """Return scores that are this many points above those of `BASE`."""
    return [v + points / 100 + n * noise / 100 for v, n in zip(BASE, (1, -1, 0), strict=True)]


def fail_cells(case: OddCase, *failed_cells: str) -> OddCase:
    """Make all trials of some cells fail."""
    experiment, latency = case
    runs = [
        RunRecord(run.cell, run.seed, run.trial_id, "FAILED", run.settings)
        if run.cell in failed_cells
        else run
        for run in experiment.runs
    ]
    return replace(experiment, runs=runs), latency


def drop_latency(case: OddCase, *cells_without: str) -> OddCase:
    """Remove the latency of some cells."""
    return case[0], {cell: ms for cell, ms in case[1].items() if cell not in cells_without}


def many_cells() -> OddCase:
    """Make 60 cells of three seeds, some with equal latencies."""
    rng = np.random.default_rng(0)
    runs = [
        trial(f"c{n}", seed, 0.4 + 0.01 * (n % 7) + rng.normal(0, 0.004), {"a": n % 3, "b": n // 3})
        for n in range(60)
        for seed in range(3)
    ]
    return record(runs), {f"c{n}": float(1 + n % 11) for n in range(60)}


NAN = math.nan
ODD_CASES = {
    "one cell": cells(BASE),
    "all failed": fail_cells(cells(BASE, BASE), "c0", "c1"),
    "baseline failed": fail_cells(cells(BASE, offset(1, 0.1), offset(3)), "c0"),
    "other failed": fail_cells(cells(BASE, offset(1, 0.1), offset(3)), "c2"),
    "no score": cells([NAN], [NAN, NAN]),
    "some scores": cells(BASE, [NAN, 0.43, 0.45], [0.3, NAN, NAN]),
    "one seed": cells([0.4], [0.5], [0.45]),
    "two seeds": cells([0.4, 0.42], [0.5, 0.53], [0.45, 0.44]),
    "no shared seeds": cells(BASE, offset(5), first_seed=(0, 7)),
    "no shared seeds, equal": cells(BASE, BASE, first_seed=(0, 7)),
    "a chain of seeds": cells(BASE, BASE, offset(2), first_seed=(0, 2, 4)),
    "second place shared": cells(BASE, offset(-1), offset(-1)),
    "second place shared by three": cells(offset(1), BASE, BASE, BASE),
    "two equal": cells(BASE, BASE, offset(-2, 0.3)),
    "two equal within a margin": cells(BASE, BASE, margin_points=0.5),
    "all equal": cells(BASE, BASE, BASE, BASE),
    "a better subset": cells([*BASE, 0.70, 0.71], offset(5, 0.1), offset(-4, 0.1)),
    "better and worse": cells(BASE, offset(4, 0.1), offset(-4, 0.1), offset(0.1, 0.5)),
    "within a margin": cells(
        BASE, offset(0.2, 0.01), offset(-0.2, 0.01), offset(0.0, 0.02), offset(2, 0.01),
        margin_points=0.5,
    ),
    "equivalent on the frontier": cells(BASE, offset(0.01, 0.05), margin_points=0.5),
    "equivalent effect": cells(BASE, offset(-0.01, 0.05), margin_points=0.5),
    "crossover": cells(BASE, offset(8, 0.1), offset(1, 0.05), offset(-9, 0.1)),
    "crossover, no spread": cells(BASE, offset(8), offset(1), offset(-9)),
    "one of four": cells(BASE, BASE, BASE, offset(10)),
    "interim": cells(BASE, offset(4, 0.1), offset(-4, 0.1), interim="a trial is running"),
    "no latency": drop_latency(cells(BASE, offset(4, 0.1)), "c0", "c1"),
    "the best without latency": drop_latency(cells(BASE, offset(-1), offset(10)), "c2"),
    "one latency": drop_latency(cells(BASE, offset(4, 0.1)), "c1"),
    "nothing better": cells(offset(5), offset(4, 0.1), offset(3, 0.1)),
    "equal in both": (cells(BASE, BASE, offset(-2, 0.1))[0], {"c0": 1.0, "c1": 1.0, "c2": 2.0}),
    "60 cells": many_cells(),
}  # fmt: skip


class Facts:
    """The numbers behind an answer, looked up without the functions that wrote it."""

    def __init__(self, experiment: ExperimentRecord, latency: dict[str, float]) -> None:
        self.record = experiment
        self.study = Study(experiment, draws=100, error_draws=400)
        self.interactions = estimate_interactions(self.study)
        self.effects = estimate_effects(self.study, self.interactions)
        self.scores: dict[str, dict[int, float]] = {}
        for run in experiment.runs:
            score = run.metrics.get("miou", math.nan)
            if run.state == "FINISHED" and math.isfinite(score):
                self.scores.setdefault(run.cell, {})[run.seed] = score
        self.means = self.study.scored.means
        self.latency = {c: ms for c, ms in latency.items() if not math.isnan(ms)}
        self.margin = experiment.margin_points
        self.findings = answer(self.study, self.effects, self.interactions, latency)
        self.sentences = [*self.findings, *describe_other_effects(self.effects)]

    def shared(self, one: str, two: str) -> int:
        """Count the seeds that two cells share."""
        return len(self.scores[one].keys() & self.scores[two].keys())

    def pair(self, one: str, two: str) -> Comparison:
        return self.study.all_pairs[frozenset((one, two))]

    def is_judged(self, comparison: Comparison) -> bool:
        """Return whether a comparison may have a verdict at all."""
        difference = comparison.difference
        has_spread = "seeds" in difference.covers and not math.isnan(difference.mean)
        return has_spread and difference.seeds >= 3 and self.record.interim is None

    def is_separable(self, comparison: Comparison) -> bool:
        low, high = comparison.difference.low, comparison.difference.high
        return self.is_judged(comparison) and (low > 0 or high < 0)

    def is_within(self, comparison: Comparison) -> bool:
        low, high = comparison.difference.low, comparison.difference.high
        return self.margin is not None and max(-low, high) < self.margin / 100

    def frontier(self) -> list[str]:
        """Return the cells that no other cell dominates, by comparing all pairs."""
        cells = [cell for cell in self.means if cell in self.latency]

        def dominates(one: str, two: str) -> bool:
            gain = self.means[one] - self.means[two]
            gain = 0 if abs(gain) < 1e-11 else gain
            faster = self.latency[two] - self.latency[one]
            return gain >= 0 and faster >= 0 and (gain > 0 or faster > 0)

        return [c for c in cells if not any(dominates(other, c) for other in cells)]


Check = Callable[[Facts, re.Match[str]], None]


def names_in(text: str) -> list[str]:
    return re.findall(BOLD, text)


def count_in(text: str) -> int:
    """Count the names in a list, including the "N more" at its end."""
    more = re.search(r" and (\d+) more", text)
    return len(names_in(text)) + (int(more[1]) if more else 0)


def check_score(facts: Facts, cell: str, score: str, adjusted: str | None) -> None:
    by_seed = facts.scores[cell]
    assert float(score) == pytest.approx(100 * facts.means[cell], abs=0.0051)
    if adjusted is None:
        assert float(score) == pytest.approx(100 * np.mean(list(by_seed.values())), abs=0.011)


def check_runner_up(facts: Facts, best: str, second: str, tie: str | None) -> Comparison:
    others = [mean for cell, mean in facts.means.items() if cell != best]
    assert facts.means[best] > max(others)
    assert facts.means[second] == pytest.approx(max(others), abs=1e-12)
    ties = sum(abs(mean - facts.means[second]) < 1e-11 for mean in others) - 1
    count = "another cell" if ties == 1 else f"{ties} other cells"
    assert tie == (f", which ties with {count} for second place" if ties else None)
    return facts.pair(best, second)


def check_best_with_verdict(facts: Facts, match: re.Match[str]) -> None:
    best, *score, relation, second, tie = match.groups()
    check_score(facts, best, *score)
    comparison = check_runner_up(facts, best, second, tie)
    assert facts.is_judged(comparison)
    assert facts.shared(best, second) >= 3
    assert ("is separable" in relation) == facts.is_separable(comparison)
    is_within = "by less than" in relation or "equivalent" in relation
    assert is_within == facts.is_within(comparison)
    if is_within:
        assert f"{facts.margin:g} points" in relation


def check_best_without_verdict(facts: Facts, match: re.Match[str]) -> None:
    best, *score, second, tie, reason = match.groups()
    check_score(facts, best, *score)
    comparison = check_runner_up(facts, best, second, tie)
    check_reason(facts, comparison, reason, best, second)


def check_reason(facts: Facts, comparison: Comparison, text: str, one: str, two: str) -> None:
    assert not facts.is_judged(comparison)
    if text == "this is an interim report":
        assert facts.record.interim is not None
    else:
        assert text == "fewer than 3 shared seeds"
        assert facts.shared(one, two) < 3


def check_tie(facts: Facts, match: re.Match[str]) -> None:
    text, score, relation = match.groups()
    cells = names_in(text)
    top = max(facts.means.values())
    equal = [cell for cell, mean in facts.means.items() if abs(mean - top) < 1e-11]
    assert float(score) == pytest.approx(100 * top, abs=0.0051)
    assert set(cells) <= set(equal)
    assert count_in(text) == len(equal)
    if relation is None:
        assert len(equal) > 2
        return
    comparison = facts.pair(cells[0], cells[1])
    if reason := re.fullmatch("there is no verdict: (.+)", relation):
        check_reason(facts, comparison, reason[1], cells[0], cells[1])
        return
    assert facts.is_judged(comparison)
    assert not facts.is_separable(comparison)
    assert ("equivalent" in relation) == facts.is_within(comparison)


def check_only_one(facts: Facts, match: re.Match[str]) -> None:
    assert list(facts.scores) == [match[1]]
    check_score(facts, *match.groups())


def check_no_score(facts: Facts, match: re.Match[str]) -> None:
    assert facts.scores == {}


def check_no_trial(facts: Facts, match: re.Match[str]) -> None:
    assert not any(run.state == "FINISHED" for run in facts.record.runs)


def check_no_baseline(facts: Facts, match: re.Match[str]) -> None:
    assert match[1] == facts.record.baseline
    assert match[1] not in facts.scores


CLAUSES = {
    "better": r"(?:is|are) better by (?:up to )?([\d.]+) points",
    "worse": r"(?:is|are) worse by (?:up to )?([\d.]+) points",
    "better within": r"(?:is|are) better, by less than ([\d.]+) points",
    "worse within": r"(?:is|are) worse, by less than ([\d.]+) points",
    "equivalent": r"(?:is|are) equivalent within ([\d.]+) points",
    "not separable": r"(?:is|are) not separable",
    "few": r"ha(?:s|ve) no verdict \(fewer than 3 shared seeds\)",
    "interim": r"ha(?:s|ve) no verdict yet \(interim\)",
}


def check_against_baseline(facts: Facts, match: re.Match[str]) -> None:
    base = match[1]
    assert base == facts.record.baseline
    mentioned = 0
    for clause in match[2].split("; **"):
        text = clause if clause.startswith("**") else "**" + clause
        kind, names, limit = parse_clause(text)
        mentioned += count_in(names)
        for cell in names_in(names):
            comparison = facts.study.against_baseline[cell]
            check_clause(facts, kind, comparison, facts.shared(cell, base), limit)
    assert mentioned == len(facts.scores) - 1


def parse_clause(text: str) -> tuple[str, str, str | None]:
    for kind, pattern in CLAUSES.items():
        if match := re.fullmatch(rf"(.*?) {pattern}", text):
            return kind, match[1], match[2] if match.re.groups > 1 else None
    raise AssertionError(f"unknown clause: {text}")


def check_clause(
    facts: Facts, kind: str, comparison: Comparison, shared: int, limit: str | None
) -> None:
    difference = comparison.difference
    if kind == "few":
        assert shared < 3
        return
    if kind == "interim":
        assert facts.record.interim is not None
        return
    assert facts.is_judged(comparison)
    assert shared >= 3
    assert kind.startswith("better") == (difference.low > 0)
    assert kind.startswith("worse") == (difference.high < 0)
    if kind in ("better", "worse"):
        assert not facts.is_within(comparison)
        assert abs(100 * difference.mean) <= float(limit or 0) + 0.0051
        return
    assert (limit is not None) == facts.is_within(comparison)
    assert limit is None or float(limit) == facts.margin


def check_strongest_effect(facts: Facts, match: re.Match[str]) -> None:
    setting, value, reference, context, points = match.groups()
    described = find_effect(facts, setting, value, reference, context)
    clear = [e.comparison for e in facts.effects if facts.is_separable(e.comparison)]
    assert described.comparison in clear
    sizes = [abs(comparison.difference.mean) for comparison in clear]
    assert abs(described.comparison.difference.mean) == max(sizes)
    assert float(points) == pytest.approx(100 * described.comparison.difference.mean, abs=0.0051)
    check_effect(facts, described)


def find_effect(
    facts: Facts, setting: str, value: str, reference: str, context: str | None
) -> Effect:
    parts = dict(part.split() for part in context.split(" and ")) if context else {}
    (effect,) = [
        e
        for e in facts.effects
        if (e.setting, str(e.value), str(e.reference)) == (setting, value, reference)
        and {name: str(v) for name, v in e.context.items()} == parts
    ]
    return effect


def check_effect(facts: Facts, effect: Effect) -> None:
    """Check the sign where all pairs agree, and the pairs: they differ in one setting alone."""
    options = {run.cell: {**run.settings, "seed": 0} for run in facts.record.runs}
    gains = []
    for cell, other in effect.pairs:
        differing = {k for k in options[cell] if options[cell][k] != options[other][k]}
        assert differing == {effect.setting}
        assert all(options[cell][name] == value for name, value in effect.context.items())
        gains.append(facts.means[cell] - facts.means[other])
    if gains and min(gains) > 0:
        assert effect.comparison.difference.mean > 0
    if gains and max(gains) < 0:
        assert effect.comparison.difference.mean < 0


def comparisons_in(facts: Facts, text: str) -> Iterable[list[Comparison]]:
    """Yield the comparisons behind each setting that a text names."""
    for setting in re.findall(r"\b(a|b|id)\b", text):
        yield [e.comparison for e in facts.effects if e.setting == setting]


def check_no_clear_effect(facts: Facts, match: re.Match[str]) -> None:
    clauses = match[1].split("; ")
    for clause in clauses:
        if re.fullmatch(r"and \d+ more", clause):
            assert len(clauses) == 4
            continue
        parts = re.fullmatch(UNCLEAR, clause)
        assert parts, clause
        setting, values, reference, context = parts.groups()
        for value in re.findall(r"\d+", re.sub(r" and \d+ more$", "", values)):
            comparison = find_effect(facts, setting, value, reference, context).comparison
            assert facts.is_judged(comparison)
            assert not facts.is_within(comparison)
        (comparisons,) = comparisons_in(facts, setting)
        assert not any(map(facts.is_separable, comparisons))


def check_equivalent_effects(facts: Facts, match: re.Match[str]) -> None:
    assert float(match[2]) == facts.margin
    for comparisons in comparisons_in(facts, match[1]):
        judged_comparisons = [c for c in comparisons if facts.is_judged(c)]
        assert judged_comparisons
        assert all(facts.is_within(c) and not facts.is_separable(c) for c in judged_comparisons)


def check_unjudged_effects(facts: Facts, match: re.Match[str]) -> None:
    for name in re.split(r", | and (?!\d)", re.sub(r" and \d+ more$", "", match[1])):
        parts = name.split()
        values = dict(zip(parts[1::3], parts[1::3], strict=False))
        comparisons = [
            e.comparison
            for e in facts.effects
            if e.setting == parts[0] and (len(parts) == 1 or str(e.value) in values)
        ]
        if parts[0] in ("a", "b", "id"):
            assert comparisons
            assert not all(map(facts.is_judged, comparisons))


def check_interacting(facts: Facts, match: re.Match[str]) -> None:
    clear = {
        " with ".join(each.settings)
        for each in facts.interactions
        if facts.is_separable(each.comparison)
    }
    assert set(re.split(", | and ", match[1])) == clear
    for effect in facts.effects:
        partners = {s for pair in clear for s in pair.split(" with ") if effect.setting in pair}
        assert set(effect.context) == {
            s for pair in clear if effect.setting in pair.split(" with ")
            for s in pair.split(" with ") if s != effect.setting
        }, partners  # fmt: skip


def check_frontier(facts: Facts, match: re.Match[str]) -> None:
    count, total, text = int(match[1]), int(match[2]), match[3]
    cells, expected = names_in(text), facts.frontier()
    latencies = [facts.latency[cell] for cell in cells]
    assert latencies == sorted(latencies)
    assert set(cells) <= set(expected)
    assert count == count_in(text) == len(expected)
    assert total == len(facts.record.cells)
    check_leads(facts, text)


def check_nothing_better(facts: Facts, match: re.Match[str]) -> None:
    cell = match[1]
    for other in facts.record.cells:
        assert facts.latency[other] >= facts.latency[cell]
        assert facts.means[other] <= facts.means[cell] + 1e-11


def check_none_of_some_better(facts: Facts, match: re.Match[str]) -> None:
    cells = [cell for cell in facts.means if cell in facts.latency]
    assert len(cells) < len(facts.record.cells)
    assert all(facts.latency[cell] >= facts.latency[match[1]] for cell in cells)
    assert all(facts.means[cell] <= facts.means[match[1]] + 1e-11 for cell in cells)


def check_no_frontier(facts: Facts, match: re.Match[str]) -> None:
    assert [cell for cell in facts.means if cell in facts.latency] == [match[1]]


def check_leads(facts: Facts, text: str) -> None:
    """Check the remark on the lead of each cell over the one before."""
    named = re.findall(rf"{BOLD}(?: \(([^)]+)\))?", text)
    latencies = [facts.latency[cell] for cell, _ in named]
    for (faster, _), (slower, remark) in pairwise(named):
        if latencies.count(facts.latency[slower]) > 1 or latencies.count(facts.latency[faster]) > 1:
            continue  # equally fast, so the order is open
        comparison = facts.pair(slower, faster)
        if facts.is_separable(comparison) or comparison.difference.mean == 0:
            assert remark == ""
        elif not facts.is_judged(comparison):
            assert remark == "lead without a verdict"
        elif facts.is_within(comparison):
            assert remark == "equivalent to the one before"
        else:
            assert remark == "lead not separable"


def check_missing(facts: Facts, match: re.Match[str]) -> None:
    for part in match[1].split("; "):
        attempts = [(re.fullmatch(pattern, part), check) for pattern, check in GAPS.items()]
        ((gap, check),) = [(gap, check) for gap, check in attempts if gap is not None]
        check(facts, gap)


def check_unfinished(facts: Facts, match: re.Match[str]) -> None:
    unfinished = [run for run in facts.record.runs if run.state != "FINISHED"]
    assert (int(match[1]), int(match[2])) == (len(unfinished), len(facts.record.runs))
    assert set(names_in(match[3])) <= {run.cell for run in unfinished}


def check_unscored(facts: Facts, match: re.Match[str]) -> None:
    runs = [
        run
        for run in facts.record.runs
        if run.state == "FINISHED" and math.isnan(run.metrics["miou"])
    ]
    assert int(match[1]) == len(runs)
    assert set(names_in(match[2])) <= {run.cell for run in runs}


def check_untimed(facts: Facts, match: re.Match[str]) -> None:
    cells = [cell for cell in facts.means if cell not in facts.latency]
    assert set(names_in(match[1])) <= set(cells)
    assert count_in(match[1]) == len(cells)


GAPS: dict[str, Check] = {
    r"(\d+) of (\d+) trials without a result \((.+)\)": check_unfinished,
    r"(\d+) finished trials? without a score \((.+)\)": check_unscored,
    r"no latency of (.+)": check_untimed,
}
RELATION = (
    r"and is separable(?:, by less than [\d.]+ points,)? from|but is not separable from"
    r"|but is equivalent within [\d.]+ points to"
)
HIGHEST = rf"{BOLD} scores highest, {SCORE}"
SECOND = rf"(?:the runner-up, )?{BOLD}(, which ties with .+? for second place)?"
UNCLEAR = r"(\w+) (\d+.*?) (?:is|are) not separable from (\d+)(?: \(with (.+?)\))?"
CHANGE = r"(\w+) (\d+) instead of (\d+)(?: with (.+?))?"
PATTERNS: dict[str, Check] = {
    rf"{HIGHEST}, ({RELATION}) {SECOND}\.": check_best_with_verdict,
    rf"{HIGHEST}, ahead of {SECOND}; there is no verdict: (.+)\.": check_best_without_verdict,
    r"(.+) tie for the highest score, (\d+\.\d\d) % mIoU(?:; (.+))?\.": check_tie,
    rf"Only {BOLD} has a score: {SCORE}\.": check_only_one,
    r"No finished trial has a score\.": check_no_score,
    r"No results yet: no trial has finished\.": check_no_trial,
    rf"The baseline, {BOLD}, has no score, so no cell is compared with it\.": check_no_baseline,
    rf"Compared with the baseline, {BOLD}: (.+)\.": check_against_baseline,
    rf"All else being equal, {CHANGE} changes mIoU by ({NUMBER}) points\.": check_strongest_effect,
    rf"All else being equal[:,] ({UNCLEAR}.*)\.": check_no_clear_effect,
    r"Every judged value of (.+) is equivalent to its reference within ([\d.]+) points\.":
        check_equivalent_effects,
    r"There is no verdict on the effect of (.+)\.": check_unjudged_effects,
    r"Some effects do not simply add up, because settings interact: (.+)\.": check_interacting,
    r"(\d+) of (\d+) cells are on the accuracy-latency frontier, fastest first: (.+)\.":
        check_frontier,
    rf"No other cell is faster or scores higher than {BOLD} \([\d.]+ ms\)\.": check_nothing_better,
    rf"Of the cells with a score and a latency, none is faster or scores higher than {BOLD} "
    r"\([\d.]+ ms\)\.": check_none_of_some_better,
    rf"Only {BOLD} \([\d.]+ ms\) has both a score and a latency, so there is no frontier\.":
        check_no_frontier,
    r"Missing: (.+)\.": check_missing,
}  # fmt: skip


def check_sentences(experiment: ExperimentRecord, latency: dict[str, float]) -> None:
    facts = Facts(experiment, latency)
    text = " ".join(facts.sentences)
    assert len(facts.findings) <= 6
    assert re.search(r"\b(nan|None|inf)\b|- %| -\d+\.\d+ %", text) is None
    if experiment.interim is not None:
        assert re.search("separable|better|worse|equivalent", text) is None
    if experiment.margin_points is None:
        assert re.search("equivalent|less than", text) is None
    for sentence in facts.sentences:
        attempts = [(re.fullmatch(pattern, sentence), c) for pattern, c in PATTERNS.items()]
        matches = [(match, check) for match, check in attempts if match is not None]
        assert matches, f"no pattern matches: {sentence}"
        match, check = matches[0]
        check(facts, match)
    check_no_doubt_is_missing(facts, text)


def check_no_doubt_is_missing(facts: Facts, text: str) -> None:
    """Check that all doubts are named: no sentence about them may be missing."""
    if any(run.state != "FINISHED" for run in facts.record.runs) and facts.record.finished:
        assert "without a result" in text
    if len(facts.means) > 1 and any(cell in facts.latency for cell in facts.means):
        assert all(c in facts.latency for c in facts.means) == ("no latency of" not in text)
    complete = {tuple(sorted(by_seed)) for by_seed in facts.scores.values()}
    if len(complete) == 1:
        for cell, by_seed in facts.scores.items():
            assert facts.means[cell] == pytest.approx(np.mean(list(by_seed.values())))
    for one, two in combinations(facts.scores, 2):
        if facts.shared(one, two) == 0:
            assert not facts.is_judged(facts.pair(one, two))


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(records())
def test_every_sentence_about_random_records_agrees_with_the_numbers(case: OddCase) -> None:
    check_sentences(*case)


@pytest.mark.parametrize("case", ODD_CASES.values(), ids=ODD_CASES)
def test_every_sentence_about_awkward_records_agrees_with_the_numbers(case: OddCase) -> None:
    check_sentences(*case)


@pytest.mark.slow
def test_awkward_records_produce_sentences_of_every_pattern() -> None:
    sentences = [s for case in ODD_CASES.values() for s in Facts(*case).sentences]

    unmatched_checks = [
        check.__name__
        for pattern, check in PATTERNS.items()
        if not any(re.fullmatch(pattern, sentence) for sentence in sentences)
    ]
    clauses = {
        parse_clause(c if c.startswith("**") else "**" + c)[0]
        for sentence in sentences
        if sentence.startswith("Compared with")
        for c in sentence.split(": ", 1)[1].removesuffix(".").split("; **")
    }
    assert unmatched_checks == []
    assert clauses == set(CLAUSES)
