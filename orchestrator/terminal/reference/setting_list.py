"""Every setting of a spec: its type, its values and its default, or why it has none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.spec.schema import build_json_schema
from vss.catalog import CHOICES, HEADS
from vss.options import find_setting
from vss.trial_config import TrialConfig

_TYPES = {
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "array": "list",
    "object": "mapping",
}
_COMPARED = "every spec states what it compares"
# Settings without a default of their own -> the reason, or where the value comes from.
_REASONS = {
    "dataset": "every spec states its data",
    "frame_width": "every spec states its data",
    "frame_height": "every spec states its data",
    "dataset_file": "required by dataset folder",
    "classes": "from dataset_file",
    "backbone": _COMPARED,
    "head": _COMPARED,
    "memory_length": f"{_COMPARED}; 0 for heads without memory",
    "include_current_frame": f"{_COMPARED}; false for heads without memory",
    "steps": "every spec states its schedule",
    "batch_size": "every spec states its schedule",
    "optimizer": "every spec states its schedule",
    "learning_rate": "every spec states its schedule",
    "seed": "listed for all cells under 'seeds'",
    "published": "most cells have no published results",
}
_DEFAULTS = {
    "precision": "auto: bf16 where the device is fast at it",
    "weights": "none",
    "teacher_seed": "that of the student",
    "priority": "0",
}
_VALUES = {
    "weights": "none, imagenet, a path, or {cell: CELL, part: backbone or network, seed: SEED}",
    "teacher": "none or the name of a cell",
}


@dataclass(frozen=True)
class SettingDescription:
    """A setting of a spec.

    Attributes:
        name: its name in specs.
        description: what it does.
        type: the kind of its values.
        values: the values it may have; "" if all of its type.
        default: the value if a spec does not state it; None if there is no single one.
        default_note: the default in words, or why there is none.
        required: whether trials cannot do without a stated value.
    """

    name: str
    description: str
    type: str
    values: str
    default: Any
    default_note: str
    required: bool


def describe_settings() -> list[SettingDescription]:
    """Describe every setting, in the order in which trials state them."""
    schemas = build_json_schema()["$defs"]["settings"]["properties"]
    seed = TrialConfig.model_json_schema()["properties"]["seed"]
    return [_describe(name, schema) for name, schema in {**schemas, "seed": seed}.items()]


def _describe(name: str, schema: Mapping[str, Any]) -> SettingDescription:
    alternatives = [a for a in schema.get("anyOf", [schema]) if a.get("type") != "null"]
    types = dict.fromkeys(_TYPES[a["type"]] for a in alternatives)
    values = _VALUES.get(name) or " or ".join(filter(None, map(_values, alternatives)))
    if name == "attention_axes":
        axes = dict.fromkeys(axis for head in HEADS.values() for axis in head.axes)
        values = f"{', '.join(axes)}, joined with +"
    field = TrialConfig.model_fields.get(name)
    default = schema.get("default")
    return SettingDescription(
        name=name,
        description=schema["description"],
        type=" or ".join(types),
        values=values,
        default=default,
        default_note=_note(name, default),
        required=field is not None and field.is_required() and name not in _DEFAULTS,
    )


def _values(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    bounds = []
    if "minimum" in schema:
        bounds.append(f"at least {_show(schema['minimum'])}")
    if "exclusiveMinimum" in schema:
        bounds.append(f"above {_show(schema['exclusiveMinimum'])}")
    if schema.get("maximum", 1e9) < 1e9:  # the others are far above what anybody trains
        bounds.append(f"at most {_show(schema['maximum'])}")
    if "exclusiveMaximum" in schema:
        bounds.append(f"below {_show(schema['exclusiveMaximum'])}")
    if "multipleOf" in schema:
        bounds.append(f"a multiple of {schema['multipleOf']}")
    return ", ".join(bounds)


def _note(name: str, default: Any) -> str:
    if name in _REASONS:
        return f"no default: {_REASONS[name]}"
    if name in _DEFAULTS:
        return f"default {_DEFAULTS[name]}"
    if default is not None:
        return f"default {_show(default)}"
    # The defaults of an option, by the choices that take it.
    setting = find_setting(name)
    choices: dict[str, list[str]] = {}
    for choice, row in CHOICES[setting].items():
        if name in row.options:
            choices.setdefault(_show(row.options[name]), []).append(choice)
    defaults = "; ".join(f"{value} for {', '.join(names)}" for value, names in choices.items())
    return f"default by {setting}: {defaults}"


def _show(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)
