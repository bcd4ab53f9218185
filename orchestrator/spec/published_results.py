"""The results that a paper reports for a cell; a report shows them next to ours."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vss.errors import UserError
from vss.untrusted.messages import excerpt, excerpt_name
from vss.validation_errors import describe_validation_error

_TIME = re.compile(
    r"(?:(?P<days>\d{1,4})-)?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)"
)


class PublishedResults(BaseModel):
    """The published results of one cell, measured under a different protocol from ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    miou: float | None = Field(None, ge=0, le=1, description="a fraction, such as 0.7541")
    train_time: str | None = Field(None, description="D-HH:MM:SS or HH:MM:SS")

    @field_validator("train_time")
    @classmethod
    def _is_a_time(cls, text: str | None) -> str | None:
        if text is not None and _TIME.fullmatch(text) is None:
            raise ValueError(
                "write a time as D-HH:MM:SS or HH:MM:SS, for example 1-03:20:40 (got "
                f"{excerpt(text)})"
            )
        return text

    def numbers(self) -> dict[str, float]:
        """Return the stated numbers: `miou` (a fraction) and `train_seconds`."""
        numbers = {"miou": self.miou, "train_seconds": _seconds(self.train_time)}
        return {name: value for name, value in numbers.items() if value is not None}


def parse_published_results(cell: str, content: Any) -> dict[str, float]:
    """Parse what a spec states under `published`, and return its numbers.

    Raises:
        UserError: if the content is invalid; the message names the cell.
    """
    if not isinstance(content, dict):
        raise UserError(
            f"cell '{excerpt_name(cell)}': published must be a mapping such as "
            f'{{miou: 0.7541, train_time: "14:42:33"}} (got {excerpt(content)})'
        )
    try:
        return PublishedResults(**content).numbers()
    except ValidationError as error:
        problems = describe_validation_error(error, PublishedResults)
        raise UserError(f"cell '{excerpt_name(cell)}': published: {problems}") from None


def _seconds(text: str | None) -> float | None:
    match = _TIME.fullmatch(text or "")
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
