"""The settings that vary between cells, and the lines of cells along each of them.

Along a line, one setting alone varies. This works for crossed designs, for one factor at a time and
for cells listed by name.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.analysis.factors.matching import (
    CHOICES,
    NOT_FACTORS,
    CellIndex,
    as_text,
    settings_by_cell,
)
from reports.analysis.study import Study
from reports.records import ExperimentRecord


@dataclass(frozen=True)
class FactorLines:
    """The cells along one factor.

    Attributes:
        values: the values of the setting, in order.
        lines: name -> the cell at each value, None if there is none. All other settings are equal
            along a line; those that vary between lines make up its name.
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
    all_lines = (_lines(index, setting, factors) for setting in factors)
    return [factor_lines for factor_lines in all_lines if factor_lines.lines]


def _lines(index: CellIndex, setting: str, factors: Mapping[str, Sequence[Any]]) -> FactorLines:
    values = sorted(factors[setting], key=_by_size)
    naming_settings = [n for n in factors if n != setting and not index.is_implied(n, factors)]
    lines: dict[str, list[str | None]] = {}
    for value in factors[setting]:
        for cell in index.cells_with(setting, value):
            line = [index.counterpart(cell, {setting: other}) for other in values]
            cells = [other for other in line if other is not None]
            if len(cells) > 1:
                name = _line_name(index.shared_settings(cells), naming_settings)
                lines.setdefault(name, line)
    is_used = [any(line[i] for line in lines.values()) for i in range(len(values))]
    return FactorLines(
        setting,
        list(itertools.compress(values, is_used)),
        {name: list(itertools.compress(line, is_used)) for name, line in lines.items()},
    )


def _line_name(settings: Mapping[str, Any], naming_settings: Iterable[str]) -> str:
    return " ".join(
        str(settings[name]) if name in CHOICES else f"{name}={settings[name]}"
        for name in naming_settings
        if name in settings
    )


def _by_size(value: Any) -> tuple[bool, float, str]:
    """Return a key that sorts numbers by size, and before everything else."""
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if is_number else 0.0, str(value)


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return the distinct values in order of appearance."""
    by_text: dict[str, Any] = {}
    for value in values:
        by_text.setdefault(as_text(value), value)
    return list(by_text.values())
