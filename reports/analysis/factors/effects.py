"""What each setting does: main effects and interactions of the settings that vary.

Cells are matched: two that differ in one setting alone show what it does, four that differ in two
settings show whether they interact. Settings that only ever change together have no effect of
their own.

The effect of a value is fitted by least squares to the matched cells, score = context + value,
where the cells of a context differ in this setting alone. Where every context has every value, it
is the mean over contexts. Plain means of pairs with the reference reverse orders more often where
contexts are unbalanced: a value that only a context of large effects has looks better than one that
beats it side by side. No single number a value can keep all orders (1 may beat 2 in one context, 2
beat 4 in another, 4 beat 1 in a third): two values that the fit ranks against all of their pairs
are compared by these pairs, as an effect of their own.

Shapes: P pairs of cells, V values.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from reports.analysis.comparison import Comparison, Contrast
from reports.analysis.factors.lines import find_factors
from reports.analysis.factors.matching import CellIndex, as_text
from reports.analysis.study import Study
from reports.analysis.verdict import is_separable

Weights = Mapping[str, float]  # cell -> weight
Numbers = NDArray[np.float64]
Node = TypeVar("Node", str, int)

_NOTHING = 1e-9  # a weight that only rounding leaves


@dataclass(frozen=True)
class Effect:
    """The effect of one value of a setting against another one, all else being equal.

    Attributes:
        pairs: the pairs of cells that show it directly: they differ in nothing else.
        context: the values of the settings that clearly interact with this one, which hold for
            all of its cells; empty if there are none, and the effect is an average.
    """

    setting: str
    value: Any
    reference: Any
    pairs: Sequence[tuple[str, str]]
    comparison: Comparison
    context: Mapping[str, Any] = field(default_factory=dict)


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
class _Pair:
    """Two cells that differ in one setting alone: the places of their values, the later first."""

    cells: tuple[str, str]
    places: tuple[int, int]


def estimate_effects(study: Study, interactions: Sequence[Interaction] = ()) -> list[Effect]:
    """Estimate the main effect of every value of every factor, against a reference value.

    The reference is the baseline's value, or the first one that pairs of cells connect with others.

    Args:
        study: the measured cells.
        interactions: where one of them is separable, the effects of its settings are estimated for
            each value of the other setting.
    """
    index = CellIndex(study)
    factors = find_factors(study.record)
    effects, contrasts = [], []
    for setting, values in factors.items():
        pairs = _pairs(index, setting, values)
        partners = _partners(setting, interactions)
        for context, some in _split(index, pairs, partners):
            for place, reference, weights in _fit(some, len(values), study.scored.means):
                direct = [pair.cells for pair in some if pair.places == (place, reference)]
                effects.append((setting, values[place], values[reference], direct, context))
                contrasts.append(_contrast(study, weights, some))
    return [
        Effect(setting, value, reference, direct, comparison, context)
        for (setting, value, reference, direct, context), comparison in zip(
            effects, study.judge(contrasts), strict=True
        )
    ]


def find_isolated_values(study: Study) -> dict[str, list[Any]]:
    """Find the values of each factor whose effect no pair of cells shows: setting -> values."""
    index = CellIndex(study)
    factors = find_factors(study.record)
    isolated = {}
    for setting, values in factors.items():
        paired = {p for pair in _pairs(index, setting, values) for p in pair.places}
        alone = [value for place, value in enumerate(values) if place not in paired]
        if alone and not index.is_implied(setting, factors):
            isolated[setting] = alone
    return isolated


def estimate_interactions(study: Study) -> list[Interaction]:
    """Estimate for crossed factors whether one does more where the other has changed.

    The references are the earliest values with four crossed cells, the baseline's if it has them.
    """
    index = CellIndex(study)
    factors = find_factors(study.record)
    interactions = {}
    for one, two in itertools.combinations(factors, 2):
        for values in itertools.product(
            itertools.combinations(factors[one], 2), itertools.combinations(factors[two], 2)
        ):
            changed = (one, two, as_text(values[0][1]), as_text(values[1][1]))
            if changed in interactions:
                continue
            if squares := _squares(index, (one, *values[0]), (two, *values[1])):
                interactions[changed] = ((one, two), values, _mean(study, squares))
    comparisons = study.judge([contrast for *_, contrast in interactions.values()])
    return [
        Interaction(settings, values, comparison)
        for (settings, values, _), comparison in zip(
            interactions.values(), comparisons, strict=True
        )
    ]


def _partners(setting: str, interactions: Sequence[Interaction]) -> list[str]:
    """Return the settings that clearly interact with a setting."""
    clear = [each.settings for each in interactions if is_separable(each.comparison.verdict)]
    return list(
        dict.fromkeys(o for names in clear if setting in names for o in names if o != setting)
    )


def _split(
    index: CellIndex, pairs: Sequence[_Pair], partners: Sequence[str]
) -> list[tuple[dict[str, Any], list[_Pair]]]:
    """Group pairs by the values that some other settings have in them."""
    groups: dict[str, tuple[dict[str, Any], list[_Pair]]] = {}
    for pair in pairs:
        settings = index.settings[pair.cells[0]]
        context = {name: settings.get(name) for name in partners}
        groups.setdefault(as_text(context), (context, []))[1].append(pair)
    return list(groups.values())


def _pairs(index: CellIndex, setting: str, values: Sequence[Any]) -> list[_Pair]:
    """Pair each cell with the cells that have an earlier value of a setting instead."""
    return [
        _Pair((cell, other), (late, early))
        for early, late in itertools.combinations(range(len(values)), 2)
        for cell in index.cells_with(setting, values[late])
        if (other := index.counterpart(cell, {setting: values[early]})) is not None
    ]


def _fit(
    pairs: Sequence[_Pair], values: int, means: Mapping[str, float]
) -> list[tuple[int, int, Numbers]]:
    """Fit the values that pairs connect, each group of them against its first.

    Returns:
        place of the value and of its reference, and the (P,) weights of the pairs.
    """
    solved = _solve(pairs, values)
    differences = np.array([means[pair.cells[0]] - means[pair.cells[1]] for pair in pairs])
    fits = []
    for group in _connect([pair.places for pair in pairs]):
        reference = min(group)
        for early, late in itertools.combinations(sorted(group), 2):
            fitted = solved[late] - solved[early]
            is_direct = np.array([pair.places == (late, early) for pair in pairs])
            if _is_reversed(float(fitted @ differences), differences[is_direct]):
                fits.append((late, early, is_direct / is_direct.sum()))
            elif early == reference:
                fits.append((late, early, fitted))
    return sorted(fits, key=lambda fit: (fit[1], fit[0]))


def _is_reversed(fitted: float, differences: Numbers) -> bool:
    """Tell whether all pairs of two values agree, and the fit says the opposite."""
    signs = set(np.sign(differences).tolist())
    return len(signs) == 1 and fitted * signs.pop() < 0


def _solve(pairs: Sequence[_Pair], values: int) -> Numbers:
    """Return (V, P): the fitted values as weighted sums of the differences of pairs."""
    sizes = np.array(_context_sizes(pairs), dtype=np.float64)
    incidence = np.zeros((len(pairs), values))
    for row, pair in zip(incidence, pairs, strict=True):
        row[list(pair.places)] = 1, -1
    # Pairs in a context of k cells are worth 1 / k: that is least squares on the cells.
    weighted = incidence / sizes[:, None]
    return np.asarray(np.linalg.pinv(incidence.T @ weighted, hermitian=True) @ weighted.T)


def _context_sizes(pairs: Sequence[_Pair]) -> list[int]:
    """Return for each pair the number of cells that pairs connect with it."""
    size = {cell: len(group) for group in _connect([p.cells for p in pairs]) for cell in group}
    return [size[pair.cells[0]] for pair in pairs]


def _connect(links: Sequence[tuple[Node, Node]]) -> list[set[Node]]:
    """Return the groups of nodes that links connect."""
    groups: list[set[Node]] = []
    for link in links:
        touched = [group for group in groups if not group.isdisjoint(link)]
        groups = [group for group in groups if group.isdisjoint(link)]
        groups.append(set(link).union(*touched))
    return groups


def _contrast(study: Study, weights: Numbers, pairs: Sequence[_Pair]) -> Contrast:
    """Turn weights of pairs into a contrast of cells; each pair brings the seeds that it shares."""
    total: dict[str, float] = {}
    seeds: set[int] = set()
    for weight, pair in zip(weights.tolist(), pairs, strict=True):
        if abs(weight) < _NOTHING:
            continue
        for cell, sign in zip(pair.cells, (1, -1), strict=True):
            total[cell] = total.get(cell, 0.0) + sign * weight
        seeds |= study.scored.shared_seeds(*pair.cells)
    return Contrast({c: w for c, w in total.items() if abs(w) > _NOTHING}, len(seeds))


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
