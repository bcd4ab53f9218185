"""What each setting does: main effects and interactions of the settings that vary.

Cells are matched: two that differ in one setting alone show what it does, four that differ in two
settings show whether they act together. It holds for crossed designs, for one factor at a time and
for cells listed by name alike; settings that only ever move together have no effect of their own.
An option that only one of two heads takes, or of which each has its own default, belongs to the
head: it does not count as a difference.
"""

import itertools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.analysis.study import Compared, Contrast, Study, judged
from reports.records import ExperimentRecord

# Settings that follow from others or mean nothing by themselves.
_NOT_FACTORS = ("seed", "teacher")
# Settings whose values have options of their own; an option that does not apply is None.
_CHOICES = ("head", "backbone", "dataset", "optimizer", "schedule")


@dataclass(frozen=True)
class Effect:
    """What one value of a setting does, against another one, all else being equal.

    Attributes:
        pairs: pairs of cells that differ in nothing else; the effect is their mean.
    """

    setting: str
    value: Any
    reference: Any
    pairs: Sequence[tuple[str, str]]
    compared: Compared


@dataclass(frozen=True)
class Interaction:
    """How much more one setting does at the second value of another setting than at its first.

    Attributes:
        settings, values: two settings, with two values each, the reference first.
    """

    settings: tuple[str, str]
    values: tuple[tuple[Any, Any], tuple[Any, Any]]
    compared: Compared


def factors(record: ExperimentRecord) -> dict[str, list[Any]]:
    """The settings that vary between cells -> their values, the baseline's first."""
    by_cell = _settings(record)
    ordered = sorted(by_cell, key=lambda cell: cell != record.baseline)
    names = dict.fromkeys(name for settings in by_cell.values() for name in settings)
    found = {}
    for name in names:
        values = _distinct(by_cell[cell].get(name) for cell in ordered)
        if len(values) > 1 and name not in _NOT_FACTORS:
            found[name] = values
    return found


def factor_lines(
    study: Study,
) -> list[tuple[str, list[Any], dict[str, list[str | None]]]]:
    """For each factor its values and its lines: the cells along it, all other settings equal.

    A line is named by its other settings that vary; a place where there is no cell is None. Only
    lines of two cells or more count.
    """
    varying = factors(study.record)
    cells, found = _Cells(study), []
    for setting, values in varying.items():
        ordered = sorted(values, key=_by_value)
        naming = [n for n in varying if n != setting and not cells.follows(n, varying)]
        lines: dict[str, list[str | None]] = {}
        for value in values:
            for cell in cells.having(setting, value):
                along = [cells.but(cell, {setting: other}) for other in ordered]
                if sum(place is not None for place in along) > 1:
                    shared = cells.shared([place for place in along if place is not None])
                    lines.setdefault(_line_name(shared, naming), along)
        taken = [any(along[at] for along in lines.values()) for at in range(len(ordered))]
        if lines:
            kept = {name: list(itertools.compress(along, taken)) for name, along in lines.items()}
            found.append((setting, list(itertools.compress(ordered, taken)), kept))
    return found


def _line_name(settings: Mapping[str, Any], naming: Iterable[str]) -> str:
    return " ".join(
        str(settings[name]) if name in _CHOICES else f"{name}={settings[name]}"
        for name in naming
        if name in settings
    )


def _by_value(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, before what is no number."""
    number = isinstance(value, int | float)
    return not number, float(value) if number else 0.0, str(value)


def effects(study: Study) -> list[Effect]:
    """The main effect of every value of every factor, against a reference value.

    It is averaged over all pairs of cells that differ in this setting alone; settings that only
    ever move together have no effect of their own. The reference is the baseline's value, or where
    no pair has that one, the first value that some pair has.
    """
    cells, found = _Cells(study), []
    for setting, values in factors(study.record).items():
        for reference, value, pairs in _against_reference(cells, setting, values):
            weights = _summed([{a: 1.0, b: -1.0} for a, b in pairs])
            found.append((setting, value, reference, pairs, study.contrast(weights)))
    verdicts = judged([difference for *_, difference in found])
    return [
        Effect(setting, value, reference, pairs, compared)
        for (setting, value, reference, pairs, _), compared in zip(found, verdicts, strict=True)
    ]


def interactions(study: Study) -> list[Interaction]:
    """Two factors that are crossed: does one do more where the other has changed?"""
    cells, found = _Cells(study), []
    for (one, of_one), (two, of_two) in itertools.combinations(factors(study.record).items(), 2):
        for first, second in itertools.product(of_one[1:], of_two[1:]):
            squares = _squares(cells, (one, of_one[0], first), (two, of_two[0], second))
            if squares:
                found.append(
                    (
                        (one, two),
                        ((of_one[0], first), (of_two[0], second)),
                        study.contrast(_summed(squares)),
                    )
                )
    verdicts = judged([difference for *_, difference in found])
    return [
        Interaction(settings, values, compared)
        for (settings, values, _), compared in zip(found, verdicts, strict=True)
    ]


def _settings(record: ExperimentRecord) -> dict[str, Mapping[str, Any]]:
    """Cell -> the settings of its first trial."""
    found: dict[str, Mapping[str, Any]] = {}
    for run in record.runs:
        found.setdefault(run.cell, run.settings)
    return found


def _distinct(values: Iterable[Any]) -> list[Any]:
    """In order of appearance; lists are values too, and true is not 1."""
    found: dict[str, Any] = {}
    for value in values:
        found.setdefault(_text(value), value)
    return list(found.values())


class _Cells:
    """Finds the cells that have given settings; the baseline comes before all others."""

    def __init__(self, study: Study) -> None:
        known = _settings(study.record).items()
        measured = [(cell, settings) for cell, settings in known if study.runs(cell)]
        measured.sort(key=lambda item: item[0] != study.record.baseline)
        self.settings = dict(measured)
        # Values as text: lists can be compared too, and true is not 1.
        self._texts = {
            cell: {
                name: _text(value)
                for name, value in settings.items()
                if value is not None and name not in _NOT_FACTORS
            }
            for cell, settings in measured
        }
        self._implied = {cell: set(run.implied) for run in study.record.runs for cell in [run.cell]}
        self._having: dict[tuple[str, str | None], list[str]] = {}
        for cell, texts in self._texts.items():
            for name in dict.fromkeys(n for settings in self.settings.values() for n in settings):
                self._having.setdefault((name, texts.get(name)), []).append(cell)
        self._alike = {frozenset(t.items()): cell for cell, t in reversed(self._texts.items())}

    def having(self, setting: str, value: Any) -> list[str]:
        """All cells with a value of a setting."""
        return self._having.get((setting, None if value is None else _text(value)), [])

    def but(self, cell: str, changes: Mapping[str, Any]) -> str | None:
        """The cell that is equal to another one but for some changes.

        With another head, for example, a cell is equal if all settings are that apply to both.
        """
        wanted = self._texts[cell] | {name: _text(v) for name, v in changes.items()}
        wanted = {name: text for name, text in wanted.items() if changes.get(name, "") is not None}
        found = self._alike.get(frozenset(wanted.items()))
        choice = next((name for name in changes if name in _CHOICES), None)
        if found is not None or choice is None:
            return found
        return next(
            (
                other
                for other in self.having(choice, changes[choice])
                if all(self._texts[other].get(name) == wanted.get(name) for name in changes)
                and self._equal_but_for_options(self._texts[other], wanted, {cell, other})
            ),
            None,
        )

    def _equal_but_for_options(
        self, one: Mapping[str, str], two: Mapping[str, str], cells: Collection[str]
    ) -> bool:
        """Whether what differs applies to one of two cells only, or is implied in both."""
        return all(
            two.get(name, text) == text or all(name in self._implied[cell] for cell in cells)
            for name, text in one.items()
        )

    def shared(self, chosen: Sequence[str]) -> dict[str, Any]:
        """The settings that some cells have in common."""
        first, *others = (set(self._texts[cell].items()) for cell in chosen)
        return {name: self.settings[chosen[0]][name] for name, _ in first.intersection(*others)}

    def follows(self, name: str, varying: Iterable[str]) -> bool:
        """Whether a setting is an option whose value another one that varies decides."""
        values = {cell: texts.get(name) for cell, texts in self._texts.items()}
        if not any(v is None or name in self._implied[cell] for cell, v in values.items()):
            return False
        return any(
            all(
                len({values[cell] for cell in cells}) == 1
                for (setting, _), cells in self._having.items()
                if setting == choice
            )
            for choice in set(varying) & set(_CHOICES)
            if choice != name
        )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _against_reference(
    cells: _Cells, setting: str, values: Sequence[Any]
) -> list[tuple[Any, Any, list[tuple[str, str]]]]:
    """(reference, value, pairs) for every value that has pairs with the reference."""
    for reference in values:
        found = [
            (reference, value, pairs)
            for value in values
            if value is not reference and (pairs := _pairs(cells, setting, value, reference))
        ]
        if found:
            return found
    return []


def _pairs(cells: _Cells, setting: str, value: Any, reference: Any) -> list[tuple[str, str]]:
    """Cells with the value, each with the cell that differs in this setting alone."""
    found = [(cell, cells.but(cell, {setting: reference})) for cell in cells.having(setting, value)]
    return [(cell, other) for cell, other in found if other is not None]


def _squares(cells: _Cells, one: tuple[str, Any, Any], two: tuple[str, Any, Any]) -> list[Contrast]:
    """Contrasts of four cells that differ in two settings alone; (name, reference, value) each."""
    found: list[Contrast] = []
    for corner in cells.having(one[0], one[1]):
        if corner not in cells.having(two[0], two[1]):
            continue
        first = cells.but(corner, {one[0]: one[2]})
        second = cells.but(corner, {two[0]: two[2]})
        both = cells.but(corner, {one[0]: one[2], two[0]: two[2]})
        if first is not None and second is not None and both is not None:
            found.append({both: 1.0, first: -1.0, second: -1.0, corner: 1.0})
    return found


def _summed(contrasts: Sequence[Contrast]) -> dict[str, float]:
    """Their mean."""
    total: dict[str, float] = {}
    for contrast in contrasts:
        for cell, weight in contrast.items():
            total[cell] = total.get(cell, 0.0) + weight / len(contrasts)
    return total
