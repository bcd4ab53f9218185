"""Validation errors, described in one line."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vss.validation_errors import describe_validation_error


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    length: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    size: int
    inner: Inner = Inner()

    @field_validator("name")
    @classmethod
    def _is_short(cls, name: str) -> str:
        if len(name) > 3:
            raise ValueError(f"'{name}' is longer than 3 letters")
        return name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"size": 1}, "'name' is missing: set it (it has no default)"),
        ({}, "'name', 'size' are missing: set them (they have no defaults)"),
        ({"size": 1, "name": "abcd"}, "'name': 'abcd' is longer than 3 letters"),
        (
            {"size": 1, "name": "a", "inner": {"lenght": 2}},
            "unknown setting 'inner.lenght': did you mean 'l",
        ),
        (
            {"size": 1, "name": "abc", "xyz": 2},
            "unknown setting 'xyz' (choose from inner, name, size)",
        ),
        (
            {"size": 1, "name": "a", "inner": {"length": "x"}},
            "'inner.length': must be a whole numbe",
        ),
        (
            {"size": 1, "xyz": 2},
            "'name' is missing: set it (it has no default); unknown setting 'xyz'",
        ),
    ],
)  # fmt: skip
def test_culprit_is_named_with_a_remedy(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        Outer(**content)

    assert describe_validation_error(error.value, Outer).startswith(message)


class Limited(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    name: str = Field("a", pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", max_length=4)
    values: list[int] = Field([1], min_length=1, max_length=2)
    share: float = Field(0.5, gt=0, lt=1)
    options: dict[str, int] = {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"name": "!"}, "must begin with a letter or digit and have only letters, digits and "
                        "spaces _ . - (got '!')"),
        ({"name": "abcde"}, "must have at most 4 characters (got 'abcde')"),
        ({"name": 3}, "must be text (got 3)"),
        ({"values": []}, "must have at least 1 item (got [])"),
        ({"values": [1, 2, 3]}, "must have at most 2 items (got [1, 2, 3])"),
        ({"values": 3}, "must be a list, such as [3] (got 3)"),
        ({"values": [1e9]}, "write 1000000000, a whole number"),
        ({"share": 0}, "must be above 0 (got 0)"),
        ({"share": 1.0}, "must be below 1 (got 1.0)"),
        ({"share": float("nan")}, "must be a finite number (got nan)"),
        ({"options": [1]}, "must be a mapping of names to values (got [1])"),
    ],
)  # fmt: skip
def test_value_is_described_as_a_person_would(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        Limited(**content)

    assert describe_validation_error(error.value, Limited).endswith(f": {message}")
