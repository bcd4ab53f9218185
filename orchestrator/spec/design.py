"""The design of an experiment: any mixture of `grid`, `cells` and `ablate`, minus `exclude`.

`grid` crosses its factors, `cells` lists cells by name, and `ablate` varies one factor at a time,
starting from `base`. A spec with `base` alone has that one cell.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.spec.limits import check_cell_name, check_limits
from orchestrator.spec.published_results import parse_published_results
from orchestrator.spec.schema import CellSettings, ExperimentSpec
from orchestrator.spec.sources.initial_weights import label_weights, names_a_cell
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.trial_config import TrialConfig
from vss.untrusted.messages import excerpt_name

# The values of these settings need no label in the name of a cell.
_UNLABELLED_SETTINGS = ("head", "backbone")


@dataclass(frozen=True)
class Point:
    """A point of the design: the name of its cell, and all settings that the spec states for it."""

    cell: str
    settings: CellSettings


def expand(spec: ExperimentSpec) -> list[Point]:
    """Return every point of the design that is not excluded, in the order of the spec.

    Raises:
        UserError: if the design is too large, or a name in it is unknown or no name.
    """
    check_limits(spec)
    for name in itertools.chain(*spec.exclude):
        if name not in TrialConfig.model_fields:
            hint = did_you_mean(name, TrialConfig.model_fields)
            raise UserError(f"exclude: unknown setting '{excerpt_name(name)}'{hint}")
    changes = itertools.chain(_grid(spec), _ablation(spec), spec.cells.items())
    points = (Point(cell, {**spec.base, **settings}) for cell, settings in changes)
    return [
        point
        for point in points
        if not any(_matches(point.settings, pattern) for pattern in spec.exclude)
    ]


def read_published_results(points: list[Point]) -> dict[str, dict[str, float]]:
    """Return the published results of each cell that has some.

    Raises:
        UserError: if the results of a cell are invalid.
    """
    return {
        point.cell: parse_published_results(point.cell, point.settings["published"])
        for point in points
        if point.settings.get("published") is not None
    }


def _grid(spec: ExperimentSpec) -> Iterator[tuple[str, CellSettings]]:
    if spec.grid:
        for values in itertools.product(*spec.grid.values()):
            changes = [_change(f, v) for f, v in zip(spec.grid, values, strict=True)]
            merged = {k: v for change in changes for k, v in change.items()}
            yield _name_cell(merged), merged


def _ablation(spec: ExperimentSpec) -> Iterator[tuple[str, CellSettings]]:
    if spec.ablate or (spec.base and not spec.grid and not spec.cells):
        yield "base", {}
        for factor, values in spec.ablate.items():
            for value in values:
                change = _change(factor, value)
                yield _name_cell(change), change


def _change(factor: str, value: Any) -> CellSettings:
    """Return the settings that a value of a factor stands for: the factor itself, or several."""
    is_change = isinstance(value, dict) and not names_a_cell(factor, value)
    return value if is_change else {factor: value}


def _name_cell(settings: CellSettings) -> str:
    name = " ".join(
        str(value) if name in _UNLABELLED_SETTINGS else f"{name}={_label(name, value)}"
        for name, value in settings.items()
        if name not in ("published", "priority")
    )
    check_cell_name(name)
    return name


def _label(name: str, value: Any) -> str:
    """Return a value as YAML writes it: true, 0.5, poly; for weights, the cell they come from."""
    if names_a_cell(name, value):
        return label_weights(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _matches(settings: CellSettings, pattern: CellSettings) -> bool:
    for name, value in pattern.items():  # a generator takes 5 times as long, and points are many
        if name not in settings or settings[name] != value:
            return False
    return True
