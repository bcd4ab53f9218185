"""Validation errors in words."""

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
        ({}, "'name' is missing: set it (it has no default)"),
        ({"name": "abcd"}, "'name': 'abcd' is longer than 3 letters"),
        ({"name": "a", "inner": {"lenght": 2}}, "unknown setting 'inner.lenght'; did you mean 'l"),
        ({"name": "abc", "xyz": 2}, "unknown setting 'xyz'; known: inner, name"),
        ({"name": "a", "inner": {"length": "x"}}, "'inner.length': input should be a valid inte"),
        ({"xyz": 2}, "'name' is missing: set it (it has no default); unknown setting 'xyz'"),
    ],
)  # fmt: skip
def test_culprit_is_named_with_a_remedy(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        Outer(**content)

    assert describe_validation_error(error.value, Outer).startswith(message)
