"""Overrides: changes of a spec on the command line, as KEY=VALUE.

KEY is a key of the spec, a setting (then `base` gets it), or a path such as `resources.cpus`. VALUE
is YAML. An experiment records them as a comment in the text of its spec.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.spec.design import expand
from orchestrator.spec.schema import ExperimentSpec
from vss.errors import UserError
from vss.suggestions import did_you_mean, list_names
from vss.trial_config import TrialConfig
from vss.untrusted.messages import excerpt, excerpt_name
from vss.untrusted.yaml_text import read_yaml

_MARK = "# overrides: "
_RECORD = re.compile(rf"^{_MARK}(.*)\n?", re.MULTILINE)
_SETTINGS = {*TrialConfig.model_fields, "teacher_seed", "published"} - {"seed"}


@dataclass(frozen=True)
class _Override:
    text: str
    path: tuple[str, ...]
    value: Any

    @property
    def shown(self) -> str:
        """The text as messages show it."""
        return excerpt_name(self.text)


def apply_overrides(content: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return the content of a spec with the overrides applied, in their order.

    Raises:
        UserError: if one is not KEY=VALUE, or its key is unknown.
    """
    spec = dict(content)
    for override in map(_parse, overrides):
        node = spec
        for depth in range(1, len(override.path)):
            node = _copy_child(node, override, depth)
        if override.value is None and override.path[:-1] == ("cells",):
            _remove_cell(node, override)
        else:
            node[override.path[-1]] = override.value
    return spec


def check_effects(spec: ExperimentSpec, overrides: Sequence[str]) -> None:
    """Check that each override of a setting in `base` reaches a cell.

    Raises:
        UserError: if every cell states the setting itself.
    """
    points = expand(spec) if overrides else []
    for override in map(_parse, overrides):
        setting = override.path[-1]
        if override.path[:-1] != ("base",) or spec.base.get(setting) != override.value:
            continue
        if points and all(point.settings.get(setting) != override.value for point in points):
            raise UserError(
                f"override '{override.shown}' has no effect: every cell states '{setting}' itself; "
                f"override it where the spec varies it, for example grid.{setting}=[...]"
            )


def record_overrides(source: str, overrides: Sequence[str]) -> str:
    """Return the text of a spec with a comment that states the overrides; `source` without any."""
    if not overrides:
        return source
    return f"{source.rstrip()}\n{_MARK}{shlex.join(overrides)}\n"


def read_overrides(source: str) -> list[str]:
    """Return the overrides that the text of a recorded spec states."""
    record = _RECORD.search(source)
    return shlex.split(record[1]) if record else []


def remove_record(source: str) -> str:
    """Return the text of a spec as written, without the comment of an earlier submit."""
    return _RECORD.sub("", source)


def _remove_cell(cells: dict[str, Any], override: _Override) -> None:
    name = override.path[-1]
    if name not in cells:
        raise _no_such_cell(override, name, cells)
    del cells[name]


def _no_such_cell(override: _Override, name: str, cells: Mapping[str, Any]) -> UserError:
    hint = did_you_mean(name, cells)
    return UserError(
        f"override '{override.shown}': no cell '{excerpt_name(name)}' under 'cells'{hint}"
    )


def _copy_child(node: dict[str, Any], override: _Override, depth: int) -> dict[str, Any]:
    """Replace a mapping in `node` by a copy that may be changed, and return the copy.

    Args:
        node: the mapping that the first depth - 1 parts of the path lead to.
        override: the override whose path is followed.
        depth: the number of parts that lead to the mapping in `node`.
    """
    *parents, name = override.path[:depth]
    if parents == ["cells"] and name not in node:
        raise _no_such_cell(override, name, node)
    child = node.get(name, {})
    if not isinstance(child, dict):
        path = ".".join(override.path[:depth])
        raise UserError(
            f"override '{override.shown}': '{excerpt_name(path)}' is {excerpt(child)} in the spec, "
            "not a mapping"
        )
    node[name] = dict(child)
    return node[name]  # type: ignore[no-any-return]


def _parse(text: str) -> _Override:
    key, equals, value = text.partition("=")
    shown = excerpt_name(text)
    if not equals or not key or "\n" in text:
        raise UserError(
            f"override '{shown}': write KEY=VALUE on one line, for example steps=50 or 'seeds=[0]'"
        )
    path = tuple(key.split("."))
    if len(path) == 1 and key in _SETTINGS:
        path = ("base", key)
    elif path[0] not in ExperimentSpec.model_fields:
        hint = did_you_mean(path[0], {**ExperimentSpec.model_fields, **dict.fromkeys(_SETTINGS)})
        raise UserError(
            f"override '{shown}': '{excerpt_name(path[0])}' is neither a key of the spec "
            f"({list_names(ExperimentSpec.model_fields)}) nor a setting in `vss-orch names`{hint}"
        )
    try:
        return _Override(text, path, read_yaml(value))
    except UserError:
        raise UserError(f"override '{shown}': '{excerpt_name(value)}' is not valid YAML") from None
