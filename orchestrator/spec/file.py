"""An experiment as a short YAML file: what is compared, and how it varies. Imports no torch.

What varies is said in three ways that can be mixed: `grid` (crossed), `cells` (listed by name) and
`ablate` (one factor at a time away from `base`), less what `exclude` names.
"""

import hashlib
import itertools
import json
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from orchestrator.spec import published_figures as published
from vss import catalog
from vss.data.custom.description import read_description
from vss.errors import UserError
from vss.runtime.environment import native_bf16_on_cpu
from vss.suggestions import did_you_mean
from vss.trial_config import TrialConfig, parse_settings
from vss.validation_errors import describe_validation_error

Settings = dict[str, Any]
# Settings that read better without their name in the name of a cell.
_BARE = ("head", "backbone")


class Resources(BaseModel):
    """What each trial needs, and how often it may be started again; no part of its identity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cpus: float = Field(1.0, gt=0, description="processor cores, and threads of a CPU trial")
    gpus: float = Field(0.0, ge=0, description="GPUs; a fraction shares one between trials")
    retries: int = Field(1, ge=0, description="new starts after a lost worker")

    @field_validator("gpus")
    @classmethod
    def _several_gpus_are_whole(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise ValueError(f"more than one GPU must be a whole number (it is {gpus})")
        return gpus


class ExperimentSpec(BaseModel):
    """The file as written."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)
    description: str = ""
    base: Settings = Field(default_factory=dict, description="settings of every cell")
    grid: dict[str, list[Any]] = Field(default_factory=dict, description="factors, crossed")
    cells: dict[str, Settings] = Field(default_factory=dict, description="cells by name")
    ablate: dict[str, list[Any]] = Field(
        default_factory=dict, description="factors, one at a time away from base"
    )
    exclude: list[Settings] = Field(default_factory=list, description="combinations left out")
    seeds: Annotated[list[int], Field(min_length=1)] = Field(
        description="one trial a cell and seed"
    )
    baseline: str | None = Field(None, description="the cell that others are compared with")
    resources: Resources = Resources()


@dataclass(frozen=True)
class PlannedTrial:
    """One training of an experiment: a cell and a seed."""

    cell: str
    config: TrialConfig


@dataclass(frozen=True)
class Experiment:
    """A checked spec: every trial built, every name known.

    Attributes:
        trials: cell by cell in the order of the file, seeds inside.
        cells: name -> a trial of the cell (its first seed).
        baseline: the cell that others are compared with.
        weight_files: "sha256:..." -> the file that has it: weights and descriptions of data.
        source: the text of the file.
    """

    name: str
    description: str
    trials: tuple[PlannedTrial, ...]
    cells: Mapping[str, TrialConfig]
    baseline: str
    resources: Resources
    weight_files: Mapping[str, Path]
    source: str


def load_spec(path: Path) -> Experiment:
    """Read and check a spec.

    Raises:
        UserError: one line that names the file, the culprit and the remedy.
    """
    source = _read_text(path)
    try:
        return _experiment(_parse_yaml(source), source, path.parent)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def published_figures(source: str) -> dict[str, dict[str, float]]:
    """Cell -> what others published of it, by the text of a spec that was checked before."""
    points = [(name, dict(settings)) for name, settings in _points(_parse_yaml(source))]
    return published.take(points)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a spec, by which editors complete and check."""
    settings = TrialConfig.model_json_schema()
    known = dict(settings["properties"])
    known.pop("seed")
    known["precision"] = {**known["precision"], "enum": ["auto", "fp32", "bf16"]}
    known["teacher_seed"] = {
        "type": "integer",
        "description": "seed of the teacher's trial; the student's own if left out",
    }
    known["published"] = published.Published.model_json_schema()
    known["weights"] = {"type": "string", "description": known["weights"]["description"]}
    group = {"type": "object", "properties": known, "additionalProperties": False}
    factors = {
        "type": "object",
        "properties": {
            name: {"type": "array", "items": {"anyOf": [value, {"$ref": "#/$defs/settings"}]}}
            for name, value in known.items()
        },
        "additionalProperties": {"type": "array", "items": {"$ref": "#/$defs/settings"}},
    }
    schema = ExperimentSpec.model_json_schema()
    schema["$defs"]["settings"] = group
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    reference = {"$ref": "#/$defs/settings"}
    parts = schema["properties"]
    parts["base"] = {**reference, "description": parts["base"]["description"]}
    parts["cells"]["additionalProperties"] = reference
    parts["exclude"]["items"] = reference
    for way in ("grid", "ablate"):
        parts[way] = {**factors, "description": parts[way]["description"]}
    return schema


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read spec {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"spec {path} is not UTF-8 text: {error.reason}") from None


def _parse_yaml(source: str) -> ExperimentSpec:
    try:
        content = YAML(typ="safe", pure=True).load(source)  # YAML 1.2: 1e-3 is a number
    except MarkedYAMLError as error:
        raise UserError(_yaml_problem(error)) from None
    except YAMLError as error:
        raise UserError(f"unreadable YAML: {error}") from None
    if not isinstance(content, dict):
        found = textwrap.shorten(repr(content), 60, placeholder="...'")
        raise UserError(f"expected settings such as 'name: my-study', found {found}")
    try:
        return ExperimentSpec(**{str(key): value for key, value in content.items()})
    except ValidationError as error:
        raise UserError(describe_validation_error(error, ExperimentSpec)) from None


def _yaml_problem(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = (error.problem or "").splitlines()[0]
    if isinstance(error, DuplicateKeyError):
        problem = f"{problem.partition(' with value')[0]}; write each key once"
    return f"{place}{problem}"


def _experiment(spec: ExperimentSpec, source: str, folder: Path) -> Experiment:
    if len(set(spec.seeds)) < len(spec.seeds):
        raise UserError(f"'seeds' holds a seed twice: {spec.seeds}")
    _check_exclude(spec)
    weight_files: dict[str, Path] = {}
    points = [
        (name, _resolved(settings, spec, folder, weight_files)) for name, settings in _points(spec)
    ]
    published.take(points)  # checked here, read again by reports
    lessons = _lessons(points, spec)
    cells, kept_names = _merge_equal(
        ((name, _trial(name, settings, spec.seeds[0], lessons)) for name, settings in points),
        spec.cells,
    )
    if not cells:
        raise UserError("the design is empty: give grid, cells or ablate (and not exclude all)")
    settings_of = dict(points)
    return Experiment(
        name=spec.name,
        description=spec.description,
        trials=tuple(
            PlannedTrial(name, _trial(name, settings_of[name], seed, lessons))
            for name in cells
            for seed in spec.seeds
        ),
        cells=cells,
        baseline=_baseline(spec, cells, kept_names),
        resources=spec.resources,
        weight_files=weight_files,
        source=source,
    )


def _check_exclude(spec: ExperimentSpec) -> None:
    """A misspelt exclusion would leave out nothing, silently."""
    for name in itertools.chain(*spec.exclude):
        if name not in TrialConfig.model_fields:
            hint = did_you_mean(name, TrialConfig.model_fields)
            raise UserError(f"exclude: unknown setting '{name}'{hint}")


def _points(spec: ExperimentSpec) -> Iterator[tuple[str, Settings]]:
    """(cell name, settings) of every point of the design that is not excluded."""
    for name, settings in itertools.chain(_grid(spec), _ablation(spec), spec.cells.items()):
        merged = {**spec.base, **settings}
        if not any(_matches(merged, pattern) for pattern in spec.exclude):
            yield name, merged


def _grid(spec: ExperimentSpec) -> Iterator[tuple[str, Settings]]:
    if spec.grid:
        for values in itertools.product(*spec.grid.values()):
            changes = [_change(f, v) for f, v in zip(spec.grid, values, strict=True)]
            merged = {k: v for change in changes for k, v in change.items()}
            yield _cell_name(merged), merged


def _ablation(spec: ExperimentSpec) -> Iterator[tuple[str, Settings]]:
    if spec.ablate:
        yield "base", {}
        for factor, values in spec.ablate.items():
            for value in values:
                change = _change(factor, value)
                yield _cell_name(change), change


def _change(factor: str, value: Any) -> Settings:
    """What one value of a factor sets: the factor, or several settings that move together."""
    return value if isinstance(value, dict) else {factor: value}


def _cell_name(settings: Settings) -> str:
    return " ".join(
        str(value) if name in _BARE else f"{name}={_shown(value)}"
        for name, value in settings.items()
        if name != "published"
    )


def _shown(value: Any) -> str:
    """As YAML would have it: true, 0.5, poly."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _matches(settings: Settings, pattern: Settings) -> bool:
    return all(name in settings and settings[name] == value for name, value in pattern.items())


def _resolved(
    settings: Settings, spec: ExperimentSpec, folder: Path, weight_files: dict[str, Path]
) -> Settings:
    """Fill in what a spec may leave open, but a trial may not."""
    if "seed" in settings:
        raise UserError(f"'seed' (it is {settings['seed']}) belongs into the list 'seeds'")
    resolved = {"precision": "auto", **settings}
    head = catalog.HEADS.get(str(resolved.get("head")))
    if head is not None and not head.uses_memory:
        resolved = {"memory_length": 0, "include_current_frame": False, **resolved}
    if resolved["precision"] == "auto":
        fast = spec.resources.gpus > 0 or native_bf16_on_cpu()
        resolved["precision"] = "bf16" if fast else "fp32"
    if resolved.get("dataset") == "folder" and "dataset_file" in resolved:
        described = folder / str(resolved["dataset_file"])
        resolved["classes"] = list(read_description(described).classes)
        resolved["dataset_file"] = digest(described)
        weight_files[resolved["dataset_file"]] = described.resolve()
    weights = resolved.get("weights", "none")
    if weights not in ("none", "imagenet"):
        file = folder / str(weights)
        resolved["weights"] = digest(file)
        weight_files[resolved["weights"]] = file.resolve()
    return resolved


def digest(file: Path) -> str:
    """How a trial names a weights file: by what is in it.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    except OSError as error:
        raise UserError(
            f"weights file {file} cannot be read ({error.strerror}); "
            "paths are relative to the spec; or write none or imagenet"
        ) from None


@dataclass(frozen=True)
class _Lesson:
    """Who teaches a cell: the settings of the teacher's cell, and its seed if it is fixed."""

    cell: str
    settings: Settings
    seed: int | None


def _lessons(points: Sequence[tuple[str, Settings]], spec: ExperimentSpec) -> dict[str, _Lesson]:
    """Student -> its lesson; takes `teacher_seed`, which belongs to no trial, out of settings."""
    by_name = dict(points)
    found = {}
    for name, settings in points:
        teacher, seed = settings.get("teacher", "none"), settings.pop("teacher_seed", None)
        if teacher == "none":
            if seed is not None:
                raise UserError(
                    f"cell '{name}': teacher_seed ({seed}) means nothing without teacher"
                )
            continue
        if teacher not in by_name:
            hint = did_you_mean(str(teacher), by_name)
            raise UserError(f"cell '{name}': teacher '{teacher}' is not a cell of this spec{hint}")
        if by_name[teacher].get("teacher", "none") != "none":
            raise UserError(f"cell '{name}': teacher '{teacher}' has a teacher itself")
        if seed is not None and seed not in spec.seeds:
            raise UserError(
                f"cell '{name}': teacher_seed {seed} is not among the seeds {spec.seeds}"
            )
        found[name] = _Lesson(teacher, by_name[teacher], seed)
    return found


def _trial(cell: str, settings: Settings, seed: int, lessons: Mapping[str, _Lesson]) -> TrialConfig:
    """A cell with a seed; a student's teacher becomes the trial of that seed."""
    lesson = lessons.get(cell)
    if lesson is not None:
        of_seed = seed if lesson.seed is None else lesson.seed
        teacher = _checked(lesson.cell, {**lesson.settings, "seed": of_seed})
        settings = {**settings, "teacher": teacher.trial_id}
    return _checked(cell, {**settings, "seed": seed})


def _checked(cell: str, settings: Settings) -> TrialConfig:
    try:
        return parse_settings(settings)
    except UserError as error:
        raise UserError(f"cell '{cell}': {error}") from None


def _merge_equal(
    points: Iterator[tuple[str, TrialConfig]], chosen_names: Collection[str]
) -> tuple[dict[str, TrialConfig], dict[str, str]]:
    """Cells by name, equal ones once; and every name, also of those merged -> the name kept.

    A name that was chosen (under `cells`) beats one that was made up.
    """
    names: dict[str, list[str]] = {}  # trial_id -> names, in order
    configs: dict[str, TrialConfig] = {}
    for name, config in points:
        names.setdefault(config.trial_id, []).append(name)
        configs[config.trial_id] = config
    cells: dict[str, TrialConfig] = {}
    kept: dict[str, str] = {}
    for trial_id, equal in names.items():
        best = next((name for name in equal if name in chosen_names), equal[0])
        if best in cells:
            raise UserError(f"two different cells are both named '{best}': rename the one in cells")
        cells[best] = configs[trial_id]
        kept.update(dict.fromkeys(equal, best))
    return cells, kept


def _baseline(
    spec: ExperimentSpec, cells: Mapping[str, TrialConfig], kept_names: Mapping[str, str]
) -> str:
    if spec.baseline is None:
        return next(iter(cells))
    if spec.baseline not in kept_names:
        hint = did_you_mean(spec.baseline, kept_names)
        raise UserError(
            f"baseline '{spec.baseline}' is not a cell{hint}; cells: {', '.join(cells)}"
        )
    return kept_names[spec.baseline]
