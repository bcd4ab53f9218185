"""The spec as written: its fields, and the JSON schema that editors use."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    field_validator,
    model_validator,
)

from orchestrator.spec.budget import Budget
from orchestrator.spec.looks import MAX_SEEDS, SeedRange, parse_seed_range
from orchestrator.spec.published_results import PublishedResults
from orchestrator.spec.sources.initial_weights import WeightsFromCell
from orchestrator.spec.tuning.ranges import Kind
from orchestrator.spec.tuning.tune import SEARCHABLE_SETTINGS, Tune
from vss.trial_config import LARGEST_NUMBER, TrialConfig

Seed = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
EXPERIMENT_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
LONGEST_EXPERIMENT_NAME = 80  # characters
CellSettings = dict[str, Any]  # as written in a spec: not checked yet, not complete


class Resources(BaseModel):
    """The resources of each trial and the number of its retries; not part of its identity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    cpus: float = Field(
        1.0,
        gt=0,
        le=10_000,
        description="processor cores per trial; a CPU trial uses as many threads",
    )
    gpus: float = Field(
        0.0, ge=0, le=10_000, description="GPUs per trial; with a fraction, trials share a GPU"
    )
    gpu_type: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$",
        max_length=80,
        description="model of the GPUs, by Ray's name: A100, H100, L4, ... (default: any)",
    )
    retries: int = Field(
        1, ge=0, le=1000, description="restarts after lost workers; progress resets the count"
    )
    on_failure: Literal["continue", "stop"] = Field(
        "continue", description="whether to start more trials after one has failed for good"
    )

    @field_validator("gpus")
    @classmethod
    def _several_gpus_are_whole(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise ValueError(f"a number above 1 must be whole (got {gpus})")
        return gpus

    @model_validator(mode="after")
    def _gpu_type_needs_gpus(self) -> Self:
        if self.gpu_type is not None and self.gpus == 0:
            raise ValueError(f"gpu_type {self.gpu_type} needs GPUs: add gpus: 1 to resources")
        return self


class ExperimentSpec(BaseModel):
    """A spec as written."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(pattern=EXPERIMENT_NAME, max_length=LONGEST_EXPERIMENT_NAME)
    description: str = ""
    base: CellSettings = Field(default_factory=dict, description="settings of every cell")
    grid: dict[str, list[Any]] = Field(
        default_factory=dict, description="factors whose values are crossed: all combinations"
    )
    cells: dict[str, CellSettings] = Field(default_factory=dict, description="cells by name")
    ablate: dict[str, list[Any]] = Field(
        default_factory=dict,
        description="factors that are varied one at a time, starting from base",
    )
    exclude: list[CellSettings] = Field(
        default_factory=list, max_length=200, description="combinations to leave out"
    )
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=MAX_SEEDS)] = Field(
        description="one trial per cell and seed; or {from: 3, to: 10} for planned looks"
    )
    margin: float | None = Field(
        None, gt=0, description="largest difference in mIoU that does not matter, in points"
    )
    baseline: str | None = Field(
        None, description="cell that the others are compared with (default: the first)"
    )
    measure_latency: bool = Field(
        True, description="whether the cells' latency is measured after training"
    )
    log_pictures: bool = Field(
        True, description="whether MLflow shows predictions on val while trials train"
    )
    resources: Resources = Resources()
    budget: Budget | None = Field(
        None, description="hours after which no trial starts; those that run then still finish"
    )
    tune: Tune | None = Field(
        None, description="search for settings, the same for each cell, before the study is trained"
    )
    _looks: tuple[int, ...] = PrivateAttr(())

    @property
    def looks(self) -> tuple[int, ...]:
        """The number of seeds at each planned look; empty if the seeds are a list."""
        return self._looks

    @model_validator(mode="after")
    def _budget_can_run_out(self) -> Self:
        if self.budget and self.budget.gpu_hours and not self.resources.gpus:
            raise ValueError(
                "'budget.gpu_hours' never runs out, as trials use no GPU: write trial_hours"
            )
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _expand_seeds(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Turn `{from: 3, to: 10}` into seeds 0 to 9 and their looks."""
        seeds = values.get("seeds")
        if not isinstance(seeds, dict):
            return handler(values)
        looks = parse_seed_range(seeds).looks
        spec = handler({**values, "seeds": list(range(looks[-1]))})
        spec._looks = looks
        return spec


def build_json_schema() -> dict[str, Any]:
    """Return the JSON schema of a spec."""
    settings = _cell_settings_schemas()
    reference = {"$ref": "#/$defs/settings"}
    factors = {
        "type": "object",
        "properties": {
            name: {"type": "array", "items": {"anyOf": [value, reference]}}
            for name, value in settings.items()
        },
        "additionalProperties": {"type": "array", "items": reference},
    }
    schema = ExperimentSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["extends"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "path of another spec; this one states what differs, and null removes a "
        "key. Of several, later ones change earlier ones",
    }
    schema["required"] = ["name"]
    schema["anyOf"] = [{"required": ["seeds"]}, {"required": ["extends"]}]
    schema["patternProperties"] = {"^x-": {"description": "anything, for YAML aliases to repeat"}}
    schema["$defs"]["settings"] = {
        "type": "object",
        "properties": settings,
        "additionalProperties": False,
    }
    parts = schema["properties"]
    seeds = parts["seeds"]
    parts["seeds"] = {
        "anyOf": [
            {key: seeds[key] for key in ("type", "items", "minItems")},
            SeedRange.model_json_schema(),
        ],
        "description": seeds["description"],
    }
    _describe_search(schema["$defs"]["Tune"], settings)
    parts["base"] = {**reference, "description": parts["base"]["description"]}
    parts["cells"]["additionalProperties"] = reference
    parts["exclude"]["items"] = reference
    for part in ("grid", "ablate"):
        parts[part] = {**factors, "description": parts[part]["description"]}
    return schema


def _describe_search(tune: dict[str, Any], settings: dict[str, Any]) -> None:
    """Say which settings can be searched, and how their values are given."""
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    interval = {
        "type": "object",
        "properties": dict.fromkeys(get_args(Kind), pair),
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    search = tune["properties"]["search"]
    search["additionalProperties"] = False
    search["properties"] = {
        name: {"anyOf": [{"type": "array", "items": settings[name], "minItems": 2}, interval]}
        for name in SEARCHABLE_SETTINGS
    }


def _cell_settings_schemas() -> dict[str, Any]:
    """Return the schema of each setting that a cell may state."""
    settings = dict(TrialConfig.model_json_schema()["properties"])
    del settings["seed"]
    settings["precision"] = {**settings["precision"], "enum": ["auto", "fp32", "bf16"]}
    settings["weights"] = {
        "anyOf": [{"type": "string"}, WeightsFromCell.model_json_schema()],
        "description": settings["weights"]["description"],
    }
    settings["teacher_seed"] = {
        "type": "integer",
        "description": "seed of the teacher's trial (default: that of the student)",
    }
    settings["priority"] = {
        "type": "integer",
        "description": "cells with a higher priority are trained first (default: 0)",
    }
    settings["published"] = PublishedResults.model_json_schema()
    return settings
