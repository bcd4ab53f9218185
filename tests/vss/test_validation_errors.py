"""Validation errors, described in one line."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

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
            "'inner.length': input should be a valid inte",
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
