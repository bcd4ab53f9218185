"""The cells that a cell depends on: its teacher, and the one whose weights it starts from.

Teachers and sources of weights form one graph without cycles. A trial depends on the trials of
these cells that have its own seed, unless the spec fixes another one.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from orchestrator.spec.design import Point
from orchestrator.spec.sources.initial_weights import parse_weights
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.trial_rules import WEIGHT_PARTS
from vss.untrusted.messages import excerpt, excerpt_name, list_briefly

_MOST_NAMED = 6  # cells of a cycle


@dataclass(frozen=True)
class Source:
    """A cell that another one depends on.

    Attributes:
        setting: the setting of the other cell that names this one.
        cell: its name.
        fixed_seed: its seed if the spec fixes one; None for the one of the dependent trial.
        part: the part of its network that the other one starts from; "" for a teacher.
    """

    setting: Literal["teacher", "weights"]
    cell: str
    fixed_seed: int | None = None
    part: str = ""

    @property
    def role(self) -> str:
        """What it gives: "teacher", "backbone" or "network"."""
        return self.part or self.setting

    def seed(self, dependent_seed: int) -> int:
        """Return the seed of the trial that a trial with this seed depends on."""
        return dependent_seed if self.fixed_seed is None else self.fixed_seed

    def refer_to(self, trial_id: str) -> str:
        """Return the value of the setting for a trial that depends on this one."""
        return f"{self.part}:{trial_id}" if self.part else trial_id


Dependencies = Mapping[str, Sequence[Source]]


def find_dependencies(points: Sequence[Point], seeds: Sequence[int]) -> dict[str, list[Source]]:
    """Return the sources of each cell that has some.

    Args:
        points: the points of the design.
        seeds: the seeds that a spec may fix; a dependent trial may run once these have.

    Raises:
        UserError: if a source is not a cell or lacks the fixed seed, or if cells depend on each
            other.
    """
    cells = {point.cell: None for point in points}
    dependencies: dict[str, list[Source]] = {}
    for point in points:
        try:
            sources = [*_find_teacher(point), *_find_weights(point)]
            for source in sources:
                _check(source, point.cell, cells, seeds)
        except UserError as error:
            raise UserError(f"cell '{excerpt_name(point.cell)}': {error}") from None
        if dependencies.setdefault(point.cell, sources) != sources:
            raise UserError(
                f"two different cells are named '{excerpt_name(point.cell)}': rename the one "
                "under 'cells'"
            )
    dependencies = {cell: sources for cell, sources in dependencies.items() if sources}
    order_cells(dependencies)
    return dependencies


def order_cells(dependencies: Dependencies) -> list[str]:
    """Return the cells of the graph, every source before what depends on it.

    Raises:
        UserError: if cells depend on each other.
    """
    graph = {cell: [source.cell for source in sources] for cell, sources in dependencies.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise UserError(_explain_cycle(error.args[1])) from None


def name_source(value: str, find_cell: Callable[[str], str | None]) -> str:
    """Return the value of `teacher` or `weights` with the cell of the trial that it names.

    Args:
        value: a trial_id, or "backbone:" or "network:" and a trial_id; others are returned.
        find_cell: returns the cell of a trial, or None if it is unknown.
    """
    part, _, trial_id = value.rpartition(":")
    cell = find_cell(trial_id) if part in ("", *WEIGHT_PARTS) else None
    if cell is None:
        return value
    return f"{part} of {cell}" if part else cell


def _find_teacher(point: Point) -> list[Source]:
    cell, seed = point.settings.get("teacher", "none"), point.settings.get("teacher_seed")
    if cell != "none":
        return [Source("teacher", cell, seed)]
    if seed is not None:
        raise UserError(
            f"teacher_seed ({excerpt(seed)}) has no effect without a teacher: remove it, or set "
            "teacher"
        )
    return []


def _find_weights(point: Point) -> list[Source]:
    value = point.settings.get("weights")
    if not isinstance(value, dict):
        return []
    weights = parse_weights(value)
    return [Source("weights", weights.cell, weights.seed, weights.part)]


def _check(source: Source, cell: str, cells: Mapping[str, None], seeds: Sequence[int]) -> None:
    """Check that a source exists; the spec may state anything for a teacher and its seed."""
    is_teacher = source.setting == "teacher"
    if not isinstance(source.cell, str) or source.cell not in cells:
        what = "teacher" if is_teacher else "weights:"
        raise UserError(
            f"{what} {excerpt(source.cell)} is not a cell of this spec "
            f"(cells: {list_briefly(cells)}){did_you_mean(str(source.cell), cells)}"
        )
    if source.cell == cell:
        what = "is its own teacher" if is_teacher else "starts from its own weights"
        raise UserError(f"{what}: set {source.setting}: none in this cell, or name another one")
    seed = source.fixed_seed
    if seed is not None and (type(seed) is not int or seed not in seeds):
        name = f"teacher_seed {excerpt(seed)}" if is_teacher else f"weights: seed {excerpt(seed)}"
        raise UserError(
            f"{name} is not one of the seeds that are trained in any case, {list_briefly(seeds)}: "
            "name one of these, or leave it out"
        )


def _explain_cycle(cycle: Sequence[str]) -> str:
    """Explain why no cell of a cycle, whose first cell is its last one too, can be trained."""
    steps = [
        f"'{excerpt_name(cell)}' needs '{excerpt_name(source)}'"
        for source, cell in itertools.pairwise(cycle)
    ]
    more = f" and so on, {len(steps)} cells in all" if len(steps) > _MOST_NAMED else ""
    return (
        f"cells depend on each other: {', '.join(steps[:_MOST_NAMED])}{more}; none of them can be "
        "trained first, so remove one teacher or one source of weights"
    )
