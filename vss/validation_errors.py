"""Pydantic's validation errors as one line that a user can act on."""

from collections.abc import Mapping, Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vss.suggestions import did_you_mean, list_names
from vss.untrusted.messages import cut, excerpt, excerpt_name, printable

_MOST_PROBLEMS = 3


def describe_validation_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Name each culprit, show its value and suggest a remedy, in one line.

    Args:
        error: the error that `model` raised.
        model: the model whose settings are suggested in place of unknown ones.
    """
    all_details = error.errors()
    missing = [_location(details) for details in all_details if details["type"] == "missing"]
    problems = [_describe_missing(missing)] if missing else []
    others = [details for details in all_details if details["type"] != "missing"]
    problems += [_describe(details, model, len(others) == 1) for details in others[:_MOST_PROBLEMS]]
    if len(others) > _MOST_PROBLEMS:
        problems.append(f"and {len(others) - _MOST_PROBLEMS} more")
    return "; ".join(problems)


def _location(error: ErrorDetails) -> str:
    parts = [str(part) for part in error["loc"]]
    # Pydantic names the alternatives of a union, such as list[float].
    return excerpt_name(".".join(p for p in parts if not p.startswith(("literal[", "list["))))


def _describe_missing(settings: Sequence[str]) -> str:
    quoted_names = [f"'{setting}'" for setting in settings[:10]]
    if len(quoted_names) == 1:
        return f"{quoted_names[0]} is missing: set it (it has no default)"
    more = f" and {len(settings) - 10} more" if len(settings) > 10 else ""
    return f"{', '.join(quoted_names)}{more} are missing: set them (they have no defaults)"


def _describe(error: ErrorDetails, model: type[BaseModel], is_alone: bool) -> str:
    """Describe a problem; with the choices if it is the only one."""
    location = _location(error)
    match error["type"]:
        case "extra_forbidden":
            fields = _fields_at(error["loc"][:-1], model)
            hint = did_you_mean(str(error["loc"][-1]), fields)
            choices = f" (choose from {list_names(fields)})" if is_alone else ""
            return f"unknown setting '{location}'{hint or choices}"
        case "value_error":
            text = cut(printable(error["msg"].removeprefix("Value error, ")), 250)
            return f"'{location}': {text}" if location else text
        case "int_type" if _is_whole(error["input"]):
            # `1e9` is a real number in YAML
            return f"'{location}': write the whole number {int(error['input'])}"
        case _:
            message = cut(printable(_lower_first(error["msg"])), 150)
            return f"'{location}': {message} (got {excerpt(error['input'])})"


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) < 1e15


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
