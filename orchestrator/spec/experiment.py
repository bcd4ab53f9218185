"""The checked experiment: every trial is built, every name is known, every file is readable."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from orchestrator.spec.completion import NamedFiles, complete
from orchestrator.spec.design import Point, expand, read_published_results
from orchestrator.spec.limits import check_names_apart
from orchestrator.spec.schema import ExperimentSpec, Resources
from orchestrator.spec.sources.dependencies import Dependencies, find_dependencies
from orchestrator.spec.trial_builder import PlannedTrial, TrialBuilder
from orchestrator.spec.tuning.searches import build_searches, check_seeds, prepare_points
from orchestrator.spec.tuning.tuning import Tuning
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.trial_config import TrialConfig
from vss.untrusted.limited_file import name_of
from vss.untrusted.messages import excerpt_name, list_briefly


@dataclass(frozen=True)
class Experiment:
    """A checked spec.

    Attributes:
        trials: the trials, cell by cell in the order of the spec, each cell with all seeds.
        cells: name -> settings of the cell's trial with the first seed.
        baseline: the cell that the others are compared with.
        files_by_digest: "sha256:..." -> the file with that content: initial weights, or the
            description of a dataset.
        source: the text of the spec.
        published: cell -> its published results: `miou` (a fraction), `train_seconds`.
        margin_points: the largest difference in points of mIoU that does not matter; None if not
            stated.
        measures_latency: whether the latency of its cells is measured after training.
        seeds: all planned seeds; empty for an experiment without a spec.
        looks: the number of seeds at each planned look; empty if the seeds are a list.
        budget: unit (gpu_hours, trial_hours) -> hours after which no trial starts.
        data_folders: the folders of images that descriptions of datasets name.
        later_trials: planned trials that join only if the scores of earlier ones ask for them.
        extended_specs: the files of the specs that its own one extends.
        dependencies: cell -> the cells that it depends on: its teacher, the source of its weights.
        tuning: the search for the settings of its cells, if its spec has one. The trials of tuned
            cells are then those before the search: they say what is planned, and are not trained.
        merged_cells: a name under `cells` -> the name under which equal settings are trained.
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
    measures_latency: bool = True
    logs_pictures: bool = True
    seeds: tuple[int, ...] = ()
    looks: tuple[int, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    data_folders: frozenset[Path] = frozenset()
    later_trials: tuple[PlannedTrial, ...] = ()
    dependencies: Dependencies = field(default_factory=dict)
    extended_specs: tuple[Path, ...] = ()
    tuning: Tuning | None = None
    merged_cells: Mapping[str, str] = field(default_factory=dict)

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

    def joined_by(self, trial_ids: Collection[str]) -> "Experiment":
        """Return the experiment with some later trials, each after the others of its cell.

        Those that they depend on join too.
        """
        trial_ids = self._with_sources(trial_ids)
        joined = [trial for trial in self.later_trials if trial.trial_id in trial_ids]
        cells = list(dict.fromkeys(trial.cell for trial in (*self.trials, *joined)))
        trials = sorted((*self.trials, *joined), key=lambda trial: cells.index(trial.cell))
        later = tuple(trial for trial in self.later_trials if trial.trial_id not in trial_ids)
        return replace(self, trials=tuple(trials), later_trials=later)

    def _with_sources(self, trial_ids: Collection[str]) -> set[str]:
        """Return some of the later trials, and those later ones that they depend on."""
        later = {trial.trial_id: trial.config.sources for trial in self.later_trials}
        closed, added = set[str](), set(trial_ids)
        while added:
            closed |= added
            added = {s for t in added for s in later.get(t, {}).values() if s in later} - closed
        return closed

    def paths_outside(self, folder: Path) -> list[str]:
        """Return what its spec reads outside a folder, as messages show it: files, and folders of
        images."""
        home = folder.resolve()
        files = (*self.files_by_digest.values(), *self.extended_specs)
        paths = sorted({*files, *self.data_folders})
        return [name_of(path) for path in paths if not path.is_relative_to(home)]

    def describe_merged(self) -> list[str]:
        """Return a line for each name under `cells` that stands for the same trials as another."""
        return [
            f"cell '{name}' has the settings of '{equal}': both are trained as '{equal}'"
            for name, equal in self.merged_cells.items()
        ]

    @cached_property
    def trial_by_id(self) -> Mapping[str, PlannedTrial]:
        """The trials by their trial_id."""
        return {trial.trial_id: trial for trial in self.trials}


def build_experiment(spec: ExperimentSpec, source: str, folder: Path) -> Experiment:
    """Build every trial of a spec.

    Args:
        spec: the spec as written.
        source: the text of the spec.
        folder: the folder that the spec's paths are relative to.

    Raises:
        UserError: if the spec is invalid; one line names the culprit and the remedy.
    """
    if len(set(spec.seeds)) < len(spec.seeds):
        raise UserError(
            f"'seeds' contains duplicates: list each seed once (got [{list_briefly(spec.seeds)}])"
        )
    files = NamedFiles(folder)
    points, tuned = prepare_points(spec.tune, _complete_points(spec, files))
    published = read_published_results(points)
    # What a trial of the first look depends on is trained at that look.
    first_seeds = spec.seeds[: spec.looks[0]] if spec.looks else spec.seeds
    dependencies = find_dependencies(points, first_seeds)
    builder = TrialBuilder(points, dependencies, spec.seeds)
    first_trials = [builder.build(point, spec.seeds[0]) for point in points]
    cells, merged_names = _merge_equal(first_trials, spec.cells, tuned)
    if not cells:
        raise UserError("the spec defines no cells: add grid, cells or ablate, or exclude less")
    configs = {cell: trial.config for cell, trial in cells.items()}
    dependencies = {
        cell: [replace(source, cell=merged_names[source.cell]) for source in sources]
        for cell, sources in dependencies.items()
        if cell in cells
    }
    return Experiment(
        name=spec.name,
        description=spec.description,
        trials=tuple(
            trial
            if seed == spec.seeds[0]
            else builder.trial(cell, seed).with_priority(trial.priority)
            for cell, trial in cells.items()
            for seed in spec.seeds
        ),
        cells=configs,
        baseline=_find_baseline(spec, cells, merged_names),
        resources=spec.resources,
        files_by_digest=files.by_digest,
        source=source,
        published=_merge_published(published, merged_names),
        merged_cells={
            name: merged_names[name] for name in spec.cells if merged_names.get(name, name) != name
        },
        margin_points=spec.margin,
        measures_latency=spec.measure_latency,
        logs_pictures=spec.log_pictures,
        seeds=tuple(spec.seeds),
        looks=spec.looks,
        budget=spec.budget.limits() if spec.budget else {},
        data_folders=frozenset(files.data_folders),
        dependencies=dependencies,
        tuning=_plan_tuning(
            spec,
            {cell: configs[cell] for cell in map(merged_names.__getitem__, tuned)},
            points,
            dependencies,
        ),
    )


def _plan_tuning(
    spec: ExperimentSpec,
    tuned: Mapping[str, TrialConfig],
    points: Sequence[Point],
    dependencies: Dependencies,
) -> Tuning | None:
    """Return the searches of the tuned cells, by their first trials; None without any."""
    if spec.tune is None:
        return None
    check_seeds(spec.tune, spec.seeds)
    searches = build_searches(spec.tune, tuned, points)
    builder = TrialBuilder(points, dependencies, spec.seeds)
    return Tuning(spec.tune, searches, dependencies, builder, spec.seeds[0])


def _complete_points(spec: ExperimentSpec, files: NamedFiles) -> list[Point]:
    """Return the points of the design with complete settings."""
    points: list[Point] = []
    for point in expand(spec):
        try:
            settings = files.replace(complete(point.settings, spec.resources))
        except UserError as error:
            raise UserError(f"cell '{excerpt_name(point.cell)}': {error}") from None
        points.append(Point(point.cell, settings))
    return points


def _merge_equal(
    trials: Sequence[PlannedTrial], chosen_names: Collection[str], tuned: Collection[str]
) -> tuple[dict[str, PlannedTrial], dict[str, str]]:
    """Merge cells with equal settings.

    Args:
        trials: one trial of each cell, all with the same seed.
        chosen_names: the names under `cells`; they take precedence over generated names.
        tuned: the cells that are tuned: the search may set them apart from equal ones.

    Returns:
        name of a cell -> its trial, and every name -> the name that it is merged into.
    """
    equal_trials: dict[tuple[bool, str], list[PlannedTrial]] = {}
    for trial in trials:
        equal_trials.setdefault((trial.cell in tuned, trial.trial_id), []).append(trial)
    cells: dict[str, PlannedTrial] = {}
    merged_names: dict[str, str] = {}
    for group in equal_trials.values():
        trial = next((trial for trial in group if trial.cell in chosen_names), group[0])
        trial = trial.with_priority(max(merged.priority for merged in group))
        name = trial.cell
        if clash := next((other.cell for other in group if other.cell in merged_names), None):
            raise UserError(
                f"two different cells are named '{excerpt_name(clash)}': rename the one under "
                "'cells'"
            )
        cells[name] = trial
        merged_names.update((merged.cell, name) for merged in group)
    check_names_apart(cells)
    return cells, merged_names


def _merge_published(
    published: Mapping[str, Mapping[str, float]], merged_names: Mapping[str, str]
) -> dict[str, Mapping[str, float]]:
    """Return the published results of each cell that is left."""
    merged: dict[str, Mapping[str, float]] = {}
    for cell, numbers in published.items():
        name = merged_names[cell]
        if merged.setdefault(name, numbers) != numbers:
            raise UserError(
                f"cell '{excerpt_name(cell)}' has the settings of '{excerpt_name(name)}', but "
                "other published results: remove one of the two"
            )
    return merged


def _find_baseline(
    spec: ExperimentSpec, cells: Collection[str], merged_names: Mapping[str, str]
) -> str:
    if spec.baseline is None:
        return next(iter(cells))
    if spec.baseline not in merged_names:
        hint = did_you_mean(spec.baseline, merged_names)
        raise UserError(
            f"baseline '{excerpt_name(spec.baseline)}' is not a cell (cells: "
            f"{list_briefly(cells)}){hint}"
        )
    return merged_names[spec.baseline]
