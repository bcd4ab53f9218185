"""The section `tune` of a spec: which settings are searched, and with how much effort."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestrator.spec.tuning.ranges import Range, parse_range
from vss.suggestions import did_you_mean
from vss.trial_config import LARGEST_NUMBER, TrialConfig
from vss.untrusted.messages import excerpt_name

REDUCTION = 3  # of three samples at a milestone, one goes on
_MILESTONES = 2  # before the last step, at most
MAX_SAMPLES = 1000
# What changes neither the network, nor the data, nor the work of a step: cells stay what they are,
# and the same number of steps is the same budget.
SEARCHABLE_SETTINGS = (
    "optimizer", "learning_rate", "momentum", "weight_decay", "gradient_clip",
    "schedule", "poly_power", "final_learning_rate", "warmup_share",
    "class_weights", "ohem_threshold", "ohem_min_share", "dropout", "auxiliary_weight",
    "flip", "scale_min", "scale_max", "crop_max_class_share", "photometric", "freeze_norm",
    "distillation_weight", "temperature",
)  # fmt: skip


class Tune(BaseModel):
    """The search for settings, separately for each cell and with the same budget for all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    search: Annotated[dict[str, Any], Field(min_length=1)] = Field(
        description="setting -> list of values, or range: log_uniform, uniform or integer"
    )
    samples: int = Field(ge=2, le=MAX_SAMPLES, description="trials of the search in each cell")
    steps: int | None = Field(
        None, ge=1, le=LARGEST_NUMBER, description="steps of a full sample (default: the cell's)"
    )
    scheduler: Literal["none", "asha"] = Field(
        "none", description="asha: at 1/9 and 1/3 of its steps, only the best third goes on"
    )
    searcher: Literal["random", "optuna"] = Field(
        "random", description="how samples are chosen; optuna learns from those before (extra)"
    )
    cells: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="cells that are tuned (default: all that are trained)"
    )
    with_common: bool = Field(
        False, description="also train tuned cells with the settings that the spec states"
    )
    first_seed: int = Field(
        1_000_000,
        ge=0,
        le=LARGEST_NUMBER - MAX_SAMPLES,
        description="seed of the search and of its first sample, the next one has the next seed",
    )

    @field_validator("search")
    @classmethod
    def _settings_can_be_searched(cls, search: dict[str, Any]) -> dict[str, Any]:
        for name, content in search.items():
            if name not in SEARCHABLE_SETTINGS:
                raise ValueError(_explain_unsearchable(name))
            parse_range(name, content)
        return search

    @model_validator(mode="after")
    def _cells_are_listed_once(self) -> Self:
        if self.cells is not None and len(set(self.cells)) < len(self.cells):
            raise ValueError("'cells' names a cell twice")
        return self

    @cached_property
    def ranges(self) -> Mapping[str, Range]:
        """Setting -> what it is chosen from."""
        return {name: parse_range(name, content) for name, content in self.search.items()}

    @property
    def seeds(self) -> range:
        """The seeds of the samples; none of them may be one of the study's."""
        return range(self.first_seed, self.first_seed + self.samples)

    def milestones(self, steps: int) -> list[int]:
        """Return the steps at which only the best samples go on, before the last of `steps`."""
        if self.scheduler == "none":
            return []
        first = -(-steps // REDUCTION**_MILESTONES)
        rungs = [first * REDUCTION**number for number in range(_MILESTONES)]
        return [step for step in rungs if step < steps]

    @property
    def method(self) -> str:
        """How samples are chosen and ended, in words."""
        choice = "chosen by optuna" if self.searcher == "optuna" else "drawn at random"
        if self.scheduler == "none":
            return choice
        return f"{choice}, of which a third goes on at each of two milestones (ASHA)"

    def earlier_stop(self, last_step: int, steps: int) -> int | None:
        """Return the step at which a sample was compared before its last one; None if never."""
        earlier = [step for step in self.milestones(steps) if step < last_step]
        return earlier[-1] if earlier else None

    def describe_ranges(self) -> str:
        """Return what is searched, in words."""
        return "; ".join(f"{name} from {choice}" for name, choice in self.ranges.items())


def _explain_unsearchable(name: str) -> str:
    if name in TrialConfig.model_fields:
        choices = ", ".join(SEARCHABLE_SETTINGS)
        return (
            f"'{name}' cannot be searched: it would change the network, the data, the scores or "
            f"the work of a step, which cells must have in common (choose from {choices})"
        )
    hint = did_you_mean(name, dict.fromkeys(SEARCHABLE_SETTINGS))
    return (
        f"unknown setting '{excerpt_name(name)}'{hint or ': `vss-orch names` lists all settings'}"
    )
