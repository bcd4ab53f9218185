"""Initial weights from another cell of the spec: `weights: {cell: pretraining, part: backbone}`."""

from typing import Any, Literal, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vss.errors import UserError
from vss.trial_config import LARGEST_NUMBER
from vss.validation_errors import describe_validation_error


class WeightsFromCell(BaseModel):
    """The weights that another cell's trials end with."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cell: str = Field(description="cell of this spec whose trained weights to start from")
    part: Literal["backbone", "network"] = Field(
        "backbone", description="what to start from: the backbone, or the whole network if it fits"
    )
    seed: int | None = Field(
        None,
        ge=0,
        le=LARGEST_NUMBER,
        description="seed of the trial to start from (default: the one of this trial)",
    )


def names_a_cell(setting: str, value: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether the value of a setting names a cell to take the initial weights from."""
    return setting == "weights" and isinstance(value, dict)


def parse_weights(value: dict[str, Any]) -> WeightsFromCell:
    """Parse what a spec states under `weights`, if it is a mapping.

    Raises:
        UserError: if it is invalid.
    """
    try:
        return WeightsFromCell(**value)
    except (ValidationError, TypeError) as error:  # TypeError: a key that is no text
        problems = (
            describe_validation_error(error, WeightsFromCell)
            if isinstance(error, ValidationError)
            else "its keys must be text"
        )
        raise UserError(
            f"weights: {problems}; write for example {{cell: pretraining, part: backbone}}"
        ) from None


def label_weights(value: dict[str, Any]) -> str:
    """Return the weights of a cell as names of cells show them, before they are checked."""
    cell, part = value.get("cell"), value.get("part", "backbone")
    return str(cell) if part == "backbone" else f"{part} of {cell}"
