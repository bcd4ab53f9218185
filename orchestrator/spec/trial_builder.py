"""Build the trials of a design: each cell with each seed, and with the trials it depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from orchestrator.spec.design import Point
from orchestrator.spec.limits import SPEC_ONLY_SETTINGS
from orchestrator.spec.sources.dependencies import Dependencies, order_cells
from vss.errors import UserError
from vss.trial_config import LARGEST_NUMBER, TrialConfig, parse_settings
from vss.untrusted.messages import excerpt, excerpt_name


@dataclass(frozen=True)
class PlannedTrial:
    """One planned run of an experiment: a cell and a seed.

    Attributes:
        priority: trials with a higher one start first.
        sample: its number among the samples of its cell, if it belongs to a search; None for a
            trial of the study.
    """

    cell: str
    config: TrialConfig
    priority: int = 0
    sample: int | None = None

    @cached_property
    def trial_id(self) -> str:
        """The identity of the trial, computed once."""
        return self.config.trial_id

    def with_priority(self, priority: int) -> "PlannedTrial":
        """Return the trial with a priority; the same one, with its identity, if it has it."""
        return self if priority == self.priority else replace(self, priority=priority)


class TrialBuilder:
    """A builder of trials, which refer to the trials that they depend on.

    Args:
        points: the points of the design.
        dependencies: cell -> its sources.
        seeds: all seeds.
    """

    def __init__(
        self, points: Sequence[Point], dependencies: Dependencies, seeds: Sequence[int]
    ) -> None:
        self._points = {point.cell: point for point in points}
        self._dependencies = dependencies
        self._seeds = seeds
        self._trials: dict[tuple[str, int], PlannedTrial] = {}
        for cell in order_cells(dependencies):  # sources first: a chain may be a long one
            for seed in seeds:
                self.trial(cell, seed)

    def change(self, cell: str, changes: Mapping[str, Any]) -> Point:
        """Return the point of a cell with other settings."""
        return Point(cell, {**self._points[cell].settings, **changes})

    def with_points(self, points: Sequence[Point]) -> "TrialBuilder":
        """Return a builder in which these points take the place of those of the same cell."""
        merged = {**self._points, **{point.cell: point for point in points}}
        return TrialBuilder(list(merged.values()), self._dependencies, self._seeds)

    def trial(self, cell: str, seed: int) -> PlannedTrial:
        """Return the trial of a cell and a seed."""
        if (cell, seed) not in self._trials:
            self._trials[cell, seed] = self.build(self._points[cell], seed)
        return self._trials[cell, seed]

    def build(self, point: Point, seed: int, source_seed: int | None = None) -> PlannedTrial:
        """Build the trial of a point and a seed.

        Args:
            point: the point.
            seed: the seed.
            source_seed: the seed of the trials that it depends on; None for its own.
        """
        settings = {k: v for k, v in point.settings.items() if k not in SPEC_ONLY_SETTINGS}
        for source in self._dependencies.get(point.cell, ()):
            trial = self.trial(
                source.cell, source.seed(seed if source_seed is None else source_seed)
            )
            settings[source.setting] = source.refer_to(trial.trial_id)
        try:
            config = parse_settings({**settings, "seed": seed})
            return PlannedTrial(point.cell, config, _priority(point))
        except UserError as error:
            raise UserError(f"cell '{excerpt_name(point.cell)}': {error}") from None


def _priority(point: Point) -> int:
    priority = point.settings.get("priority", 0)
    if type(priority) is not int or abs(priority) > LARGEST_NUMBER:
        raise UserError(
            f"'priority' must be a whole number of at most {LARGEST_NUMBER} (got "
            f"{excerpt(priority)})"
        )
    return priority
