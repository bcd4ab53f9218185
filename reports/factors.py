"""What each setting does: main effects and interactions of the settings that vary.

Cells are matched: two that differ in one setting alone show what it does, four that differ in two
settings show whether they act together. It holds for crossed designs, for one factor at a time and
for cells listed by name alike; settings that only ever move together have no effect of their own.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.comparison import Compared, Contrast, Study, judged
from reports.records import ExperimentRecord

# Settings that follow from others or mean nothing by themselves.
_NOT_FACTORS = ("seed", "teacher")


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
        lines: dict[str, list[str | None]] = {}
        for value in values:
            for cell in cells.having(setting, value):
                along = [cells.but(cell, {setting: other}) for other in ordered]
                if sum(place is not None for place in along) > 1:
                    lines.setdefault(_line_name(cells.settings[cell], varying, setting), along)
        if lines:
            found.append((setting, ordered, lines))
    return found


def _line_name(settings: Mapping[str, Any], varying: Iterable[str], setting: str) -> str:
    parts = [
        str(settings[name]) if name in ("head", "backbone") else f"{name}={settings[name]}"
        for name in varying
        if name != setting and settings.get(name) is not None
    ]
    return " ".join(parts)


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
        found.setdefault(json.dumps(value, default=str), value)
    return list(found.values())


class _Cells:
    """Finds the cell that has given settings."""

    def __init__(self, study: Study) -> None:
        known = _settings(study.record).items()
        self.settings = {cell: settings for cell, settings in known if study.runs(cell)}
        self._cell = {_key(settings): cell for cell, settings in self.settings.items()}

    def having(self, setting: str, value: Any) -> list[str]:
        """All cells with a value of a setting."""
        wanted = _key({setting: value})
        return [c for c, s in self.settings.items() if _key({setting: s.get(setting)}) == wanted]

    def but(self, cell: str, changes: Mapping[str, Any]) -> str | None:
        """The cell that is equal to another one but for some changes."""
        return self._cell.get(_key({**self.settings[cell], **changes}))


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


def _key(settings: Mapping[str, Any]) -> str:
    """Equal for equal settings; what is not set is left out."""
    known = {k: v for k, v in settings.items() if v is not None and k not in _NOT_FACTORS}
    return json.dumps(known, sort_keys=True, default=str)
