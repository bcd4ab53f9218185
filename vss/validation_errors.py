"""Pydantic's validation errors as one line that a user can act on."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vss.suggestions import did_you_mean, list_names
from vss.untrusted.messages import cut, excerpt, excerpt_name, printable

_MOST_PROBLEMS = 3
# Kind of a pydantic error -> what the value must be; {name} stands for what its context says.
_EXPECTATIONS = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping of names to values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "model_type": "a mapping of names to values",
    "multiple_of": "a multiple of {multiple_of}",
    "string_type": "text",
    "tuple_type": "a list, such as [0, 1]",
}
_NAME_PATTERN = re.compile(r"\^\[A-Za-z0-9\]\[A-Za-z0-9(?P<others>[^\]]*)\]\*\$")


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
            return f"'{location}': write {int(error['input'])}, a whole number"
        case _:
            expectation = cut(printable(_describe_expectation(error)), 150)
            return f"'{location}': {expectation} (got {excerpt(error['input'])})"


def _describe_expectation(error: ErrorDetails) -> str:
    context: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "string_pattern_mismatch":
            return _describe_pattern(context["pattern"])
        case "list_type":
            value = error["input"]
            is_plain = isinstance(value, str | int | float)
            example = f", such as [{excerpt_name(str(value))}]" if is_plain else ""
            return f"must be a list{example}"
        case "string_too_long" | "string_too_short":
            return f"must have {_describe_length(context, 'character')}"
        case "too_long" | "too_short":
            return f"must have {_describe_length(context, 'item')}"
        case kind if kind in _EXPECTATIONS:
            bounds = {name: int(v) if _is_whole(v) else v for name, v in context.items()}
            return f"must be {_EXPECTATIONS[kind].format(**bounds)}"
        case _:
            return error["msg"][:1].lower() + error["msg"][1:]


def _describe_length(context: Mapping[str, Any], unit: str) -> str:
    bound = "at most" if "max_length" in context else "at least"
    count = context.get("max_length", context.get("min_length"))
    return f"{bound} {count} {unit}{'' if count == 1 else 's'}"


def _describe_pattern(pattern: str) -> str:
    names = _NAME_PATTERN.fullmatch(pattern)
    if names is None:
        return f"must match the pattern {pattern}"
    others = " ".join("spaces" if mark == " " else mark for mark in names["others"])
    return f"must begin with a letter or digit and have only letters, digits and {others}"


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
