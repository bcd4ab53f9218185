"""Pydantic's validation errors as one line that a user can act on."""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vss.suggestions import did_you_mean, list_names


def describe_validation_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Name each culprit, show its value and suggest a remedy, in one line.

    Args:
        error: raised by `model`.
        model: whose settings are suggested in place of unknown ones.
    """
    return "; ".join(_describe(details, model) for details in error.errors())


def _describe(error: ErrorDetails, model: type[BaseModel]) -> str:
    location = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            fields = _fields_at(error["loc"][:-1], model)
            hint = did_you_mean(str(error["loc"][-1]), fields)
            return f"unknown setting '{location}'{hint or '; known: ' + list_names(fields)}"
        case "missing":
            return f"'{location}' is missing: set it (it has no default)"
        case "value_error":
            text = error["msg"].removeprefix("Value error, ")
            return f"'{location}': {text}" if location else text
        case _:
            return f"'{location}': {_lower_first(error['msg'])} (it is {error['input']!r})"


def _fields_at(location: tuple[int | str, ...], model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return the fields that a nested model allows at a location, as they are written."""
    for part in location:
        inner = model.model_fields[str(part)].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
