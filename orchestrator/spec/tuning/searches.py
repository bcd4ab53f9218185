"""The searches of a spec, one for each cell that is tuned, and the trials that follow from them."""

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.spec.design import Point
from orchestrator.spec.tuning.tune import Tune
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.trial_config import TrialConfig, parse_settings
from vss.untrusted.messages import excerpt_name, list_briefly

COMMON = "common"  # what follows the name of a cell that keeps the settings of the spec
SCORED_SPLIT = "val"
_MOST_COMBINATIONS = 256  # of extreme values that are checked together


@dataclass(frozen=True)
class CellSearch:
    """The search for the settings of one cell.

    Attributes:
        cell: the cell.
        tune: what is searched, and how.
        steps: the steps of a full sample.
    """

    cell: str
    tune: Tune
    steps: int

    @property
    def rungs(self) -> list[int]:
        """The steps after which samples are compared; the last one ends the search."""
        return [*self.tune.milestones(self.steps), self.steps]

    def sample_settings(self, values: Mapping[str, Any], last_step: int) -> dict[str, Any]:
        """Return what a sample changes in the settings of its cell.

        Args:
            values: the settings that are searched.
            last_step: the step after which it ends; the schedule goes on to the last rung.
        """
        stop_step = last_step if last_step < self.steps else 0
        own = {"steps": self.steps, "stop_step": stop_step, "scored_split": SCORED_SPLIT}
        return {**values, **own}


def find_best(scores_by_rung: Sequence[Mapping[int, float]]) -> int | None:
    """Return the number of the best sample among those that got furthest; None without any score.

    Args:
        scores_by_rung: for each step at which samples were compared, number of a sample -> score;
            without those that failed.
    """
    furthest = next((scores for scores in reversed(scores_by_rung) if scores), None)
    return None if furthest is None else max(furthest, key=lambda number: furthest[number])


def prepare_points(
    tune: Tune | None, points: Sequence[Point]
) -> tuple[list[Point], Collection[str]]:
    """Return the points of a design for its search, and the names of the cells that are tuned.

    What only the search will choose gets a typical value: trials with it are planned, but never
    trained. If the spec asks for it, each tuned cell is followed by one that is not tuned.

    Raises:
        UserError: if a cell that is to be tuned does not exist, or if the spec does not state the
            settings of one that is not to be tuned.
    """
    if tune is None:
        return list(points), ()
    names = _choose_cells(tune, points)
    typical = {
        name: choice.middle()
        for name, choice in tune.ranges.items()
        if TrialConfig.model_fields[name].is_required()
    }
    prepared: list[Point] = []
    for point in points:
        is_tuned = point.cell in names
        prepared.append(
            replace(point, settings={**(typical if is_tuned else {}), **point.settings})
        )
        if is_tuned and tune.with_common:
            _check_stated(tune, point)
            prepared.append(Point(name_common(point.cell), _common_settings(point, names)))
    return prepared, names


def name_common(cell: str) -> str:
    """Return the name of the cell that keeps the settings of the spec."""
    return f"{cell} {COMMON}"


def check_seeds(tune: Tune, seeds: Iterable[int]) -> None:
    """Check that the study has none of the seeds of the search.

    Raises:
        UserError: if it has.
    """
    shared = sorted(set(seeds) & set(tune.seeds))
    if shared:
        raise UserError(
            f"seeds: the search has the seeds {tune.seeds[0]} to {tune.seeds[-1]}, which the study "
            f"must not have (got {list_briefly(shared)}): set tune.first_seed to another number"
        )


def build_searches(
    tune: Tune, tuned: Mapping[str, TrialConfig], points: Sequence[Point]
) -> dict[str, CellSearch]:
    """Return the search of each cell that is tuned.

    Args:
        tune: the section of the spec.
        tuned: cell -> its first trial, of the cells that are tuned.
        points: the points of the design.

    Raises:
        UserError: if a cell cannot be tuned as the spec says.
    """
    settings_by_cell = {point.cell: point.settings for point in points}
    searches = {}
    for cell, config in tuned.items():
        if config.steps > 0:
            try:
                _check_cell(tune, config, settings_by_cell[cell])
            except UserError as error:
                raise UserError(f"tune: cell '{excerpt_name(cell)}': {error}") from None
            searches[cell] = CellSearch(cell, tune, tune.steps or config.steps)
        elif tune.cells is not None:
            raise UserError(f"tune.cells: '{excerpt_name(cell)}' is not trained (steps is 0)")
    _check_different(tune, {cell: tuned[cell] for cell in searches})
    return searches


def _choose_cells(tune: Tune, points: Sequence[Point]) -> Collection[str]:
    """Return the names of the cells that are tuned: those that the spec lists, or all trained."""
    names = dict.fromkeys(point.cell for point in points)
    if tune.cells is None:
        return dict.fromkeys(p.cell for p in points if p.settings.get("steps") != 0)
    for cell in tune.cells:
        if cell not in names:
            raise UserError(
                f"tune.cells: '{excerpt_name(cell)}' is not a cell of this spec (cells: "
                f"{list_briefly(names)}){did_you_mean(cell, names)}"
            )
    return tune.cells


def _check_stated(tune: Tune, point: Point) -> None:
    for name in tune.ranges:
        if name not in point.settings and TrialConfig.model_fields[name].is_required():
            raise UserError(
                f"tune.with_common: cell '{excerpt_name(point.cell)}' states no {name} to be "
                "trained with: add it to base, or leave with_common out"
            )


def _common_settings(point: Point, names: Collection[str]) -> dict[str, Any]:
    """Return the settings of a cell that is not tuned, nor are the cells that it depends on."""
    settings = {k: v for k, v in point.settings.items() if k != "published"}
    if settings.get("teacher") in names:
        settings["teacher"] = name_common(settings["teacher"])
    weights = settings.get("weights")
    if isinstance(weights, dict) and weights.get("cell") in names:
        settings["weights"] = {**weights, "cell": name_common(weights["cell"])}
    return settings


def _check_cell(tune: Tune, config: TrialConfig, stated: Mapping[str, Any]) -> None:
    """Check that a cell can be tuned: with all values, and on a split that it is not scored on."""
    if config.scored_split == SCORED_SPLIT:
        raise UserError(
            f"its scores are those of {SCORED_SPLIT}, on which the search chooses: set "
            "scored_split to test"
        )
    applicable = {k: v for k, v in config.settings().items() if k in stated}
    for values in _extreme_values(tune):
        parse_settings({**applicable, **values, "seed": config.seed})


def _extreme_values(tune: Tune) -> Iterable[dict[str, Any]]:
    """Return combinations of the values that settings must be able to take: all, if not too many.

    Rules between settings then hold for whatever is proposed.
    """
    extremes = {name: choice.extremes() for name, choice in tune.ranges.items()}
    if math.prod(map(len, extremes.values())) <= _MOST_COMBINATIONS:
        return [
            dict(zip(extremes, values, strict=True))
            for values in itertools.product(*extremes.values())
        ]
    firsts = {name: values[0] for name, values in extremes.items()}
    return [{**firsts, name: value} for name, values in extremes.items() for value in values]


def _check_different(tune: Tune, cells: Mapping[str, TrialConfig]) -> None:
    """Check that no two cells differ only in what is searched: they would become the same."""
    first_by_rest: dict[str, str] = {}
    for cell, config in cells.items():
        rest = repr({k: v for k, v in config.settings().items() if k not in tune.ranges})
        first = first_by_rest.setdefault(rest, cell)
        if first != cell:
            raise UserError(
                f"tune: cells '{excerpt_name(first)}' and '{excerpt_name(cell)}' differ only in "
                f"what is searched ({', '.join(tune.ranges)}): remove one, or list the others "
                "under tune.cells"
            )
