"""Pydantic's validation errors as one line that a user can act on."""

from collections.abc import Mapping, Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vss.suggestions import did_you_mean, list_names


def describe_validation_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Name each culprit, show its value and suggest a remedy, in one line.

    Args:
        error: the error that `model` raised.
        model: the model whose settings are suggested in place of unknown ones.
    """
    all_details = error.errors()
    missing = [_location(details) for details in all_details if details["type"] == "missing"]
    problems = [_describe_missing(missing)] if missing else []
    problems += [_describe(d, model) for d in all_details if d["type"] != "missing"]
    return "; ".join(problems)


def _location(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"])


def _describe_missing(settings: Sequence[str]) -> str:
    quoted_names = [f"'{setting}'" for setting in settings]
    if len(quoted_names) == 1:
        return f"{quoted_names[0]} is missing: set it (it has no default)"
    return f"{', '.join(quoted_names)} are missing: set them (they have no defaults)"


def _describe(error: ErrorDetails, model: type[BaseModel]) -> str:
    location = _location(error)
    match error["type"]:
        case "extra_forbidden":
            fields = _fields_at(error["loc"][:-1], model)
            hint = did_you_mean(str(error["loc"][-1]), fields)
            return f"unknown setting '{location}'{hint or f' (choose from {list_names(fields)})'}"
        case "value_error":
            text = error["msg"].removeprefix("Value error, ")
            return f"'{location}': {text}" if location else text
        case _:
            return f"'{location}': {_lower_first(error['msg'])} (got {error['input']!r})"


def _fields_at(location: tuple[int | str, ...], model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return the fields that a nested model allows at a location, under the names in the file."""
    for part in location:
        annotation = model.model_fields[str(part)].annotation
        for inner in (annotation, *get_args(annotation)):  # a model, or a model or None
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                model = inner
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
