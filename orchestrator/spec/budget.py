"""The budget of an experiment: the hours after which no trial starts any more."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Budget(BaseModel):
    """The hours that the trials of an experiment may take; those that run then still finish."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    gpu_hours: float | None = Field(
        None, gt=0, description="hours of all attempts, times the GPUs of each"
    )
    trial_hours: float | None = Field(
        None, gt=0, description="hours of all attempts, also without GPUs"
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.gpu_hours is None and self.trial_hours is None:
            raise ValueError("write gpu_hours or trial_hours, for example {gpu_hours: 200}")
        return self

    def limits(self) -> dict[str, float]:
        """Return unit -> hours, of the units that are limited."""
        return self.model_dump(exclude_none=True)
