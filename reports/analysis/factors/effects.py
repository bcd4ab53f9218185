"""The main effects and interactions of the settings that vary.

Cells are matched: two that differ in one setting alone show its effect, four that differ in two
settings show whether these interact. Settings that only ever change together have no effect of
their own.

The effect of a value is fitted by least squares to the matched cells, score = context + value,
where the cells of a context differ in this setting alone. If every context has every value, it is
the mean over contexts. Plain means of pairs with the reference would reverse the order of values
more often in unbalanced designs: a value that occurs only in a context of large effects would look
better than one that beats it in every direct comparison. No single number per value can preserve
all orders (1 may beat 2 in one context, 2 beat 4 in another, and 4 beat 1 in a third), so where the
fit contradicts all pairs of two values, these pairs are estimated as an effect of their own.

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

_ROUNDING = 1e-9  # smaller weights are rounding errors


@dataclass(frozen=True)
class Effect:
    """The effect of one value of a setting compared with another one, all else being equal.

    Attributes:
        pairs: the pairs of cells that show it directly, since they differ in nothing else.
        context: the values of the settings that clearly interact with this one, shared by all of
            its cells; empty if there are none, and the effect is an average.
    """

    setting: str
    value: Any
    reference: Any
    pairs: Sequence[tuple[str, str]]
    comparison: Comparison
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Interaction:
    """The extra effect of one setting at the second value of another, compared with the first.

    Attributes:
        settings: the two settings.
        values: two values of each, the reference first.
    """

    settings: tuple[str, str]
    values: tuple[tuple[Any, Any], tuple[Any, Any]]
    comparison: Comparison


@dataclass(frozen=True)
class _Pair:
    """Two cells that differ in one setting alone, and the indices of their values, later first."""

    cells: tuple[str, str]
    indices: tuple[int, int]


def estimate_effects(study: Study, interactions: Sequence[Interaction] = ()) -> list[Effect]:
    """Estimate the main effect of every value of every factor, compared with a reference value.

    The reference is the baseline's value, or the first one that pairs of cells connect with others.

    Args:
        study: the measured cells.
        interactions: the interactions; if one is separable, the effects of its settings are
            estimated for each value of the other setting.
    """
    index = CellIndex(study)
    factors = find_factors(study.record)
    effects, contrasts = [], []
    for setting, values in factors.items():
        pairs = _pairs(index, setting, values)
        partners = _partners(setting, interactions)
        for context, group in _split(index, pairs, partners):
            for late, early, weights in _fit(group, len(values), study.scored.means):
                direct_pairs = [pair.cells for pair in group if pair.indices == (late, early)]
                effects.append((setting, values[late], values[early], direct_pairs, context))
                contrasts.append(_contrast(study, weights, group))
    return [
        Effect(setting, value, reference, direct_pairs, comparison, context)
        for (setting, value, reference, direct_pairs, context), comparison in zip(
            effects, study.judge(contrasts), strict=True
        )
    ]


def find_isolated_values(study: Study) -> dict[str, list[Any]]:
    """Find the values whose effect no pair of cells shows: setting -> values."""
    index = CellIndex(study)
    factors = find_factors(study.record)
    isolated_values = {}
    for setting, values in factors.items():
        paired_indices = {i for pair in _pairs(index, setting, values) for i in pair.indices}
        unpaired_values = [value for i, value in enumerate(values) if i not in paired_indices]
        if unpaired_values and not index.is_implied(setting, factors):
            isolated_values[setting] = unpaired_values
    return isolated_values


def estimate_interactions(study: Study) -> list[Interaction]:
    """Estimate, for crossed factors, how much the effect of one depends on the other.

    The references are the first values with four crossed cells, the baseline's if it has them.
    """
    index = CellIndex(study)
    factors = find_factors(study.record)
    interactions = {}
    for one, two in itertools.combinations(factors, 2):
        for values in itertools.product(
            itertools.combinations(factors[one], 2), itertools.combinations(factors[two], 2)
        ):
            second_values = (one, two, as_text(values[0][1]), as_text(values[1][1]))
            if second_values in interactions:
                continue
            if squares := _squares(index, (one, *values[0]), (two, *values[1])):
                interactions[second_values] = ((one, two), values, _mean(study, squares))
    comparisons = study.judge([contrast for *_, contrast in interactions.values()])
    return [
        Interaction(settings, values, comparison)
        for (settings, values, _), comparison in zip(
            interactions.values(), comparisons, strict=True
        )
    ]


def _partners(setting: str, interactions: Sequence[Interaction]) -> list[str]:
    """Return the settings that clearly interact with a setting."""
    clear_pairs = [each.settings for each in interactions if is_separable(each.comparison.verdict)]
    partners = (name for pair in clear_pairs if setting in pair for name in pair if name != setting)
    return list(dict.fromkeys(partners))


def _split(
    index: CellIndex, pairs: Sequence[_Pair], partners: Sequence[str]
) -> list[tuple[dict[str, Any], list[_Pair]]]:
    """Group pairs by their values of some other settings."""
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
    """Fit the values that pairs connect; each group of them is compared with its first value.

    Returns:
        the index of the value, that of its reference, and the (P,) weights of the pairs.
    """
    solution = _solve(pairs, values)
    differences = np.array([means[pair.cells[0]] - means[pair.cells[1]] for pair in pairs])
    fits = []
    for group in _connect([pair.indices for pair in pairs]):
        reference = min(group)
        for early, late in itertools.combinations(sorted(group), 2):
            pair_weights = solution[late] - solution[early]
            is_direct = np.array([pair.indices == (late, early) for pair in pairs])
            if _is_reversed(float(pair_weights @ differences), differences[is_direct]):
                fits.append((late, early, is_direct / is_direct.sum()))
            elif early == reference:
                fits.append((late, early, pair_weights))
    return sorted(fits, key=lambda fit: (fit[1], fit[0]))


def _is_reversed(fitted_difference: float, differences: Numbers) -> bool:
    """Return whether all pairs of two values agree in sign and the fit contradicts them."""
    signs = set(np.sign(differences).tolist())
    return len(signs) == 1 and fitted_difference * signs.pop() < 0


def _solve(pairs: Sequence[_Pair], values: int) -> Numbers:
    """Return the (V, P) weights of the pairs' differences in each fitted value."""
    sizes = np.array(_context_sizes(pairs), dtype=np.float64)
    incidence = np.zeros((len(pairs), values))
    for row, pair in zip(incidence, pairs, strict=True):
        row[list(pair.indices)] = 1, -1
    # Pairs in a context of k cells weigh 1 / k, which makes it least squares on the cells.
    weighted = incidence / sizes[:, None]
    return np.asarray(np.linalg.pinv(incidence.T @ weighted, hermitian=True) @ weighted.T)


def _context_sizes(pairs: Sequence[_Pair]) -> list[int]:
    """Return the number of cells in the context of each pair."""
    sizes = {cell: len(group) for group in _connect([p.cells for p in pairs]) for cell in group}
    return [sizes[pair.cells[0]] for pair in pairs]


def _connect(links: Sequence[tuple[Node, Node]]) -> list[set[Node]]:
    """Return the groups of nodes that links connect."""
    groups: list[set[Node]] = []
    for link in links:
        overlapping = [group for group in groups if not group.isdisjoint(link)]
        groups = [group for group in groups if group.isdisjoint(link)]
        groups.append(set(link).union(*overlapping))
    return groups


def _contrast(study: Study, weights: Numbers, pairs: Sequence[_Pair]) -> Contrast:
    """Turn the weights of pairs into a contrast of cells."""
    total: dict[str, float] = {}
    for weight, pair in zip(weights.tolist(), pairs, strict=True):
        if abs(weight) < _ROUNDING:
            continue
        for cell, sign in zip(pair.cells, (1, -1), strict=True):
            total[cell] = total.get(cell, 0.0) + sign * weight
    return study.scored.contrast({c: w for c, w in total.items() if abs(w) > _ROUNDING})


def _squares(
    index: CellIndex, one: tuple[str, Any, Any], two: tuple[str, Any, Any]
) -> list[Weights]:
    """Return a contrast for every four cells that differ in two settings alone.

    Args:
        index: the cells by their settings.
        one, two: the name of a setting, its reference and its value.
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
    return study.scored.contrast({c: w for c, w in total.items() if abs(w) > _ROUNDING})
