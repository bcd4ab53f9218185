"""The checked experiment: every trial built, every name known, every file read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from orchestrator.spec.completion import complete, named_files
from orchestrator.spec.design import Point, expand, published_figures
from orchestrator.spec.schema import CellSettings, ExperimentSpec, Resources
from orchestrator.spec.teachers import Teacher, assign_teachers
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.trial_config import TrialConfig, parse_settings

_NOT_OF_A_TRIAL = ("published", "teacher_seed", "priority")


@dataclass(frozen=True)
class PlannedTrial:
    """One planned run of an experiment: a cell and a seed.

    Attributes:
        priority: trials with a higher one start first.
    """

    cell: str
    config: TrialConfig
    priority: int = 0

    @cached_property
    def trial_id(self) -> str:
        """The identity of the trial, computed once."""
        return self.config.trial_id


@dataclass(frozen=True)
class Experiment:
    """A checked spec.

    Attributes:
        trials: cell by cell in the order of the spec, each with all seeds.
        cells: name -> a trial of the cell (its first seed).
        baseline: the cell that the others are compared with.
        files_by_digest: "sha256:..." -> the file with that content: initial weights, or the
            description of a dataset.
        source: the text of the spec.
        published: cell -> figures that others published: `miou` (a fraction), `train_seconds`.
        margin_points: the difference in points of mIoU that does not matter; None if not stated.
        seeds: all that are planned; empty for an experiment without a spec.
        looks: the number of seeds at each planned look; empty if the seeds are a list.
    """

    name: str
    description: str
    trials: tuple[PlannedTrial, ...]
    cells: Mapping[str, TrialConfig]
    baseline: str
    resources: Resources
    files_by_digest: Mapping[str, Path]
    source: str
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    margin_points: float | None = None
    seeds: tuple[int, ...] = ()
    looks: tuple[int, ...] = ()

    def at_look(self, look: int) -> "Experiment":
        """Return the experiment with the trials up to a planned look, numbered from 1.

        Raises:
            UserError: if no such look is planned.
        """
        if not self.looks:
            raise UserError(
                f"--look {look}: '{self.name}' plans no looks; "
                "write for example seeds: {from: 3, to: 10}"
            )
        if not 1 <= look <= len(self.looks):
            raise UserError(f"--look {look}: '{self.name}' plans looks 1 to {len(self.looks)}")
        seeds = self.seeds[: self.looks[look - 1]]
        trials = tuple(trial for trial in self.trials if trial.config.seed in seeds)
        return replace(self, trials=trials)

    @cached_property
    def trial_by_id(self) -> Mapping[str, PlannedTrial]:
        """The trials by their trial_id."""
        return {trial.trial_id: trial for trial in self.trials}


def build_experiment(spec: ExperimentSpec, source: str, folder: Path) -> Experiment:
    """Build every trial of a spec.

    Args:
        spec: the file as written.
        source: its text.
        folder: the folder that its paths are relative to.

    Raises:
        UserError: one line that names the culprit and the remedy.
    """
    if len(set(spec.seeds)) < len(spec.seeds):
        raise UserError(f"'seeds' holds a seed twice: {spec.seeds}")
    points: list[Point] = []
    files_by_digest: dict[str, Path] = {}
    for point in expand(spec):
        files = named_files(point.settings, folder)
        settings = complete(point.settings, spec.resources, files)
        points.append(Point(point.cell, settings))
        files_by_digest |= {settings[name]: file.resolve() for name, file in files.items()}
    figures = published_figures(points)
    # The teacher of a student at the first look is trained at that look.
    first_seeds = spec.seeds[: spec.looks[0]] if spec.looks else spec.seeds
    teachers = assign_teachers(points, first_seeds)
    settings_by_cell = {point.cell: point.settings for point in points}
    first_trials = [
        _build_trial(point, spec.seeds[0], teachers, settings_by_cell) for point in points
    ]
    cells, kept_names = _merge_equal(first_trials, spec.cells)
    if not cells:
        raise UserError("the design is empty: add grid, cells or ablate (and do not exclude all)")
    return Experiment(
        name=spec.name,
        description=spec.description,
        trials=tuple(
            cells[cell]
            if seed == spec.seeds[0]
            else _build_trial(Point(cell, settings_by_cell[cell]), seed, teachers, settings_by_cell)
            for cell in cells
            for seed in spec.seeds
        ),
        cells={cell: trial.config for cell, trial in cells.items()},
        baseline=_find_baseline(spec, cells, kept_names),
        resources=spec.resources,
        files_by_digest=files_by_digest,
        source=source,
        published={kept_names[cell]: numbers for cell, numbers in figures.items()},
        margin_points=spec.margin,
        seeds=tuple(spec.seeds),
        looks=spec.looks,
    )


def _build_trial(
    point: Point,
    seed: int,
    teachers: Mapping[str, Teacher],
    settings_by_cell: Mapping[str, CellSettings],
) -> PlannedTrial:
    """Build the trial of a point and a seed; a student refers to the trial of its teacher."""
    settings = {k: v for k, v in point.settings.items() if k not in _NOT_OF_A_TRIAL}
    teacher = teachers.get(point.cell)
    if teacher is not None:
        lesson = Point(teacher.cell, settings_by_cell[teacher.cell])
        trial = _build_trial(lesson, teacher.seed(seed), teachers, settings_by_cell)
        settings["teacher"] = trial.trial_id
    try:
        config = parse_settings({**settings, "seed": seed})
        return PlannedTrial(point.cell, config, _priority(point))
    except UserError as error:
        raise UserError(f"cell '{point.cell}': {error}") from None


def _priority(point: Point) -> int:
    priority = point.settings.get("priority", 0)
    if not isinstance(priority, int):
        raise UserError(f"'priority' must be a whole number (got {priority!r})")
    return priority


def _merge_equal(
    trials: Sequence[PlannedTrial], chosen_names: Collection[str]
) -> tuple[dict[str, PlannedTrial], dict[str, str]]:
    """Merge cells that are equal.

    Args:
        trials: one trial of each cell, all with the same seed.
        chosen_names: the names under `cells`; they beat those made from settings.

    Returns:
        the trials by the name of their cell, and every name -> the name it was merged into.
    """
    equal_trials: dict[str, list[PlannedTrial]] = {}
    for trial in trials:
        equal_trials.setdefault(trial.trial_id, []).append(trial)
    cells: dict[str, PlannedTrial] = {}
    kept_names: dict[str, str] = {}
    for equal in equal_trials.values():
        kept = next((trial for trial in equal if trial.cell in chosen_names), equal[0])
        if kept.cell in cells:
            raise UserError(
                f"two different cells are both named '{kept.cell}': rename the one in cells"
            )
        cells[kept.cell] = kept
        kept_names.update((trial.cell, kept.cell) for trial in equal)
    return cells, kept_names


def _find_baseline(
    spec: ExperimentSpec, cells: Collection[str], kept_names: Mapping[str, str]
) -> str:
    if spec.baseline is None:
        return next(iter(cells))
    if spec.baseline not in kept_names:
        hint = did_you_mean(spec.baseline, kept_names)
        raise UserError(
            f"baseline '{spec.baseline}' is not a cell (cells: {', '.join(cells)}){hint}"
        )
    return kept_names[spec.baseline]
