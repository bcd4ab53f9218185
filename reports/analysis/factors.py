"""What each setting does: main effects and interactions of the settings that vary.

Cells are matched: two that differ in one setting alone show what it does, four that differ in two
settings show whether they interact. This works for crossed designs, for one factor at a time and
for cells listed by name alike; settings that only ever change together have no effect of their own.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.analysis.comparison import Comparison, Contrast
from reports.analysis.matching import CHOICES, NOT_FACTORS, CellIndex, as_text, settings_by_cell
from reports.analysis.study import Study
from reports.records import ExperimentRecord

Weights = Mapping[str, float]  # cell -> weight


@dataclass(frozen=True)
class Effect:
    """The effect of one value of a setting against another one, all else being equal.

    Attributes:
        pairs: the pairs of cells that differ in nothing else; the effect is their mean.
    """

    setting: str
    value: Any
    reference: Any
    pairs: Sequence[tuple[str, str]]
    comparison: Comparison


@dataclass(frozen=True)
class Interaction:
    """The extra effect of one setting at the second value of another one, compared with its first.

    Attributes:
        settings, values: two settings with two values each, the reference first.
    """

    settings: tuple[str, str]
    values: tuple[tuple[Any, Any], tuple[Any, Any]]
    comparison: Comparison


@dataclass(frozen=True)
class FactorLines:
    """The cells along one factor.

    Attributes:
        values: of the setting, in order.
        lines: name -> the cell at each value, None where there is none; along a line all other
            settings are equal, and those of them that vary are its name.
    """

    setting: str
    values: Sequence[Any]
    lines: Mapping[str, Sequence[str | None]]


def find_factors(record: ExperimentRecord) -> dict[str, list[Any]]:
    """Find the settings that vary between cells, and their values, the baseline's first."""
    settings = settings_by_cell(record)
    cells = sorted(settings, key=lambda cell: cell != record.baseline)
    names = dict.fromkeys(name for cell in settings for name in settings[cell])
    values = {name: _distinct(settings[cell].get(name) for cell in cells) for name in names}
    return {name: v for name, v in values.items() if len(v) > 1 and name not in NOT_FACTORS}


def find_factor_lines(study: Study) -> list[FactorLines]:
    """Find the lines of two cells or more along each factor."""
    factors = find_factors(study.record)
    index = CellIndex(study)
    every_factor = (_lines(index, setting, factors) for setting in factors)
    return [factor for factor in every_factor if factor.lines]


def _lines(index: CellIndex, setting: str, factors: Mapping[str, Sequence[Any]]) -> FactorLines:
    values = sorted(factors[setting], key=_by_size)
    naming = [n for n in factors if n != setting and not index.is_implied(n, factors)]
    lines: dict[str, list[str | None]] = {}
    for value in factors[setting]:
        for cell in index.cells_with(setting, value):
            along = [index.counterpart(cell, {setting: other}) for other in values]
            present = [other for other in along if other is not None]
            if len(present) > 1:
                lines.setdefault(_line_name(index.shared_settings(present), naming), along)
    used = [any(along[place] for along in lines.values()) for place in range(len(values))]
    return FactorLines(
        setting,
        list(itertools.compress(values, used)),
        {name: list(itertools.compress(along, used)) for name, along in lines.items()},
    )


def _line_name(settings: Mapping[str, Any], naming: Iterable[str]) -> str:
    return " ".join(
        str(settings[name]) if name in CHOICES else f"{name}={settings[name]}"
        for name in naming
        if name in settings
    )


def _by_size(value: Any) -> tuple[bool, float, str]:
    """Sort numbers by size, and before everything else."""
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if is_number else 0.0, str(value)


def estimate_effects(study: Study) -> list[Effect]:
    """Estimate the main effect of every value of every factor, against a reference value.

    An effect is averaged over all pairs of cells that differ in this setting alone. The reference
    is the baseline's value, or if no pair has that one, the first value that some pair has.
    """
    index = CellIndex(study)
    effects = [
        (setting, value, reference, pairs)
        for setting, values in find_factors(study.record).items()
        for reference, value, pairs in _pairs_with_reference(index, setting, values)
    ]
    contrasts = [_mean(study, [{a: 1.0, b: -1.0} for a, b in pairs]) for *_, pairs in effects]
    comparisons = study.judge(contrasts)
    return [
        Effect(setting, value, reference, pairs, comparison)
        for (setting, value, reference, pairs), comparison in zip(effects, comparisons, strict=True)
    ]


def estimate_interactions(study: Study) -> list[Interaction]:
    """Estimate for crossed factors whether one does more where the other has changed."""
    index = CellIndex(study)
    factors = find_factors(study.record)
    interactions = []
    for one, two in itertools.combinations(factors, 2):
        (first, *changed_first), (second, *changed_second) = factors[one], factors[two]
        for values in itertools.product(changed_first, changed_second):
            pairs = ((first, values[0]), (second, values[1]))
            if squares := _squares(index, (one, *pairs[0]), (two, *pairs[1])):
                interactions.append(((one, two), pairs, _mean(study, squares)))
    comparisons = study.judge([contrast for *_, contrast in interactions])
    return [
        Interaction(settings, values, comparison)
        for (settings, values, _), comparison in zip(interactions, comparisons, strict=True)
    ]


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return the different values in order of appearance."""
    by_text: dict[str, Any] = {}
    for value in values:
        by_text.setdefault(as_text(value), value)
    return list(by_text.values())


def _pairs_with_reference(
    index: CellIndex, setting: str, values: Sequence[Any]
) -> list[tuple[Any, Any, list[tuple[str, str]]]]:
    """Return (reference, value, pairs) for every value that has pairs with the reference."""
    for reference in values:
        comparable = [
            (reference, value, pairs)
            for value in values
            if value is not reference and (pairs := _pairs(index, setting, value, reference))
        ]
        if comparable:
            return comparable
    return []


def _pairs(index: CellIndex, setting: str, value: Any, reference: Any) -> list[tuple[str, str]]:
    """Pair each cell that has the value with the cell that has the reference instead."""
    return [
        (cell, other)
        for cell in index.cells_with(setting, value)
        if (other := index.counterpart(cell, {setting: reference})) is not None
    ]


def _squares(
    index: CellIndex, one: tuple[str, Any, Any], two: tuple[str, Any, Any]
) -> list[Weights]:
    """Return the contrasts of four cells that differ in two settings alone.

    Args:
        index: of the cells.
        one, two: name, reference and value of a setting.
    """
    contrasts: list[Weights] = []
    for corner in index.cells_with(one[0], one[1]):
        if corner not in index.cells_with(two[0], two[1]):
            continue
        first = index.counterpart(corner, {one[0]: one[2]})
        second = index.counterpart(corner, {two[0]: two[2]})
        both = index.counterpart(corner, {one[0]: one[2], two[0]: two[2]})
        if first is not None and second is not None and both is not None:
            contrasts.append({both: 1.0, first: -1.0, second: -1.0, corner: 1.0})
    return contrasts


def _mean(study: Study, parts: Sequence[Weights]) -> Contrast:
    """Average weighted sums of cells, cell by cell."""
    total: dict[str, float] = {}
    for weights in parts:
        for cell, weight in weights.items():
            total[cell] = total.get(cell, 0.0) + weight / len(parts)
    seeds = set().union(*(study.scored.shared_seeds(*weights) for weights in parts))
    return Contrast(total, len(seeds))
