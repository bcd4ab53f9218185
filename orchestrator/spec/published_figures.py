"""Figures that others published for a cell: shown beside ours, as another protocol's."""

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vss.errors import UserError
from vss.validation_errors import describe_validation_error

_TIME = re.compile(
    r"(?:(?P<days>\d+)-)?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)"
)


class Published(BaseModel):
    """What a paper prints of a cell."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    miou: float | None = Field(None, ge=0, le=1, description="a fraction, such as 0.7541")
    train_time: str | None = Field(None, description="D-HH:MM:SS or HH:MM:SS")

    @field_validator("train_time")
    @classmethod
    def _is_a_time(cls, text: str | None) -> str | None:
        if text is not None and _TIME.fullmatch(text) is None:
            raise ValueError(f"'{text}' is not D-HH:MM:SS or HH:MM:SS, for example 1-03:20:40")
        return text

    def figures(self) -> dict[str, float]:
        """What is known: `miou` (a fraction) and `train_seconds`."""
        found = {"miou": self.miou, "train_seconds": _seconds(self.train_time)}
        return {name: value for name, value in found.items() if value is not None}


def take(points: Iterable[tuple[str, MutableMapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """Cell -> its published figures; takes `published` out of the settings.

    Raises:
        UserError: naming the cell and what is wrong with its figures.
    """
    found = {}
    for cell, settings in points:
        given = settings.pop("published", None)
        if given is not None:
            found[cell] = _checked(cell, given).figures()
    return found


def _checked(cell: str, given: Any) -> Published:
    if not isinstance(given, dict):
        raise UserError(
            f"cell '{cell}': published is {given!r}, "
            'write for example {miou: 0.7541, train_time: "14:42:33"}'
        )
    try:
        return Published(**given)
    except ValidationError as error:
        problems = describe_validation_error(error, Published)
        raise UserError(f"cell '{cell}': published: {problems}") from None


def _seconds(text: str | None) -> float | None:
    found = _TIME.fullmatch(text or "")
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
