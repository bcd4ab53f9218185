"""Cells matched by their settings: which cell differs from another one in one setting alone.

An option that only one of two heads takes, or whose default differs between the two heads, belongs
to the head: it does not count as a difference.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from reports.analysis.study import Study
from reports.records import ExperimentRecord

# Settings that follow from others or mean nothing by themselves.
NOT_FACTORS = ("seed", "teacher")
TUNED = "tuned"  # the value of a setting that was searched
# Settings whose values have their own options; an option that does not apply is None.
CHOICES = ("head", "backbone", "dataset", "optimizer", "schedule")


class CellIndex:
    """The cells of a study that have a score, by their settings; the baseline comes first.

    Attributes:
        settings: cell -> its settings.
    """

    def __init__(self, study: Study) -> None:
        settings = settings_by_cell(study.record)
        cells = [cell for cell in settings if cell in study.scored.cells]
        cells.sort(key=lambda cell: cell != study.record.baseline)
        self.settings = {cell: settings[cell] for cell in cells}
        self._texts = {
            cell: {
                name: as_text(value)
                for name, value in self.settings[cell].items()
                if value is not None and name not in NOT_FACTORS
            }
            for cell in cells
        }
        self._implied = {run.cell: set(run.implied) for run in study.record.runs}
        self._by_value: dict[tuple[str, str | None], list[str]] = {}
        for cell, texts in self._texts.items():
            for name in dict.fromkeys(n for settings in self.settings.values() for n in settings):
                self._by_value.setdefault((name, texts.get(name)), []).append(cell)
        self._by_settings = {frozenset(t.items()): c for c, t in reversed(self._texts.items())}

    def cells_with(self, setting: str, value: Any) -> Sequence[str]:
        """Return all cells in which a setting has this value."""
        return self._by_value.get((setting, None if value is None else as_text(value)), [])

    def counterpart(self, cell: str, changes: Mapping[str, Any]) -> str | None:
        """Return the cell that equals another one except for some changes.

        If the head changes, say, only the settings that apply to both heads must be equal.
        """
        target = self._texts[cell] | {
            name: as_text(value) for name, value in changes.items() if value is not None
        }
        target = {name: text for name, text in target.items() if changes.get(name, "") is not None}
        exact = self._by_settings.get(frozenset(target.items()))
        choice = next((name for name in changes if name in CHOICES), None)
        if exact is not None or choice is None:
            return exact
        return next(
            (
                other
                for other in self.cells_with(choice, changes[choice])
                if all(self._texts[other].get(name) == target.get(name) for name in changes)
                and self._is_equal_except_options(self._texts[other], target, {cell, other})
            ),
            None,
        )

    def _is_equal_except_options(
        self, one: Mapping[str, str], two: Mapping[str, str], cells: Collection[str]
    ) -> bool:
        """Return whether each difference applies to one cell only, or is implied in both."""
        return all(
            two.get(name, text) == text or all(name in self._implied[cell] for cell in cells)
            for name, text in one.items()
        )

    def shared_settings(self, cells: Sequence[str]) -> dict[str, Any]:
        """Return the settings that some cells have in common."""
        first, *others = (set(self._texts[cell].items()) for cell in cells)
        return {name: self.settings[cells[0]][name] for name, _ in first.intersection(*others)}

    def is_implied(self, name: str, varying: Iterable[str]) -> bool:
        """Return whether a setting is an option whose value follows from another varying one."""
        values = {cell: texts.get(name) for cell, texts in self._texts.items()}
        if not any(v is None or name in self._implied[cell] for cell, v in values.items()):
            return False
        return any(
            all(
                len({values[cell] for cell in cells}) == 1
                for (setting, _), cells in self._by_value.items()
                if setting == choice
            )
            for choice in set(varying) & set(CHOICES)
            if choice != name
        )


def settings_by_cell(record: ExperimentRecord) -> dict[str, Mapping[str, Any]]:
    """Return the settings of every cell, as its first trial has them.

    What was searched has the same value in all tuned cells: each has the best one for itself.
    """
    settings: dict[str, Mapping[str, Any]] = {}
    for run in record.runs:
        settings.setdefault(run.cell, run.settings)
    for search in record.searches:
        if search.cell in settings:
            tuned = dict.fromkeys(search.ranges, TUNED)
            settings[search.cell] = {**settings[search.cell], **tuned}
    return settings


def as_text(value: Any) -> str:
    """Write a value so that it can be compared and hashed: lists too, and true is not 1."""
    return json.dumps(value, sort_keys=True, default=str)
