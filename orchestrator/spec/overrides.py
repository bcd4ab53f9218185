"""Overrides: changes of a spec on the command line, as KEY=VALUE.

KEY is a key of the spec, a setting (then `base` gets it), or a path such as `resources.cpus`. VALUE
is YAML; null removes a cell. An experiment records them as a comment in the text of its spec.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.spec.design import expand
from orchestrator.spec.limits import SPEC_ONLY_SETTINGS
from orchestrator.spec.schema import ExperimentSpec
from vss.errors import UserError
from vss.suggestions import did_you_mean, list_names
from vss.trial_config import TrialConfig
from vss.untrusted.messages import excerpt, excerpt_name
from vss.untrusted.yaml_text import read_yaml

_MARK = "# overrides: "
_RECORD = re.compile(rf"^{_MARK}(.*)\n?", re.MULTILINE)
_SETTINGS = {*TrialConfig.model_fields, *SPEC_ONLY_SETTINGS} - {"seed"}


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
        UserError: if one is not KEY=VALUE, its key is unknown, or it removes the last cell.
    """
    spec, removal = dict(content), None
    for text in overrides:
        override = _parse(text, {**_cells_of(content), **_cells_of(spec)})
        node = spec
        for depth in range(1, len(override.path)):
            node = _copy_child(node, override, depth, spec)
        if override.value is None and override.path[:-1] == ("cells",):
            _remove_cell(node, override, spec)
            removal = override
        else:
            node[override.path[-1]] = override.value
    if removal is not None and not any(spec.get(part) for part in ("cells", "grid", "ablate")):
        raise UserError(f"override '{removal.shown}' removes the last cell: leave one")
    return spec


def check_effects(spec: ExperimentSpec, overrides: Sequence[str]) -> None:
    """Check that each override of a setting in `base` reaches a cell.

    Raises:
        UserError: if every cell states the setting itself.
    """
    points = expand(spec) if overrides else []
    for override in (_parse(text) for text in overrides if not text.startswith("cells.")):
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


def _cells_of(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    cells = spec.get("cells")
    return cells if isinstance(cells, dict) else {}


def _remove_cell(cells: dict[str, Any], override: _Override, spec: Mapping[str, Any]) -> None:
    name = override.path[-1]
    if name not in cells:
        raise _no_such_cell(override, name, spec)
    del cells[name]


def _no_such_cell(override: _Override, name: str, spec: Mapping[str, Any]) -> UserError:
    cells = _cells_of(spec)
    hint = did_you_mean(name, cells) or (f" ({list_names(cells)})" if cells else "")
    if spec.get("grid") or spec.get("ablate"):
        hint += "; those of 'grid' and 'ablate' are changed there, or left out with 'exclude'"
    return UserError(
        f"override '{override.shown}': no cell '{excerpt_name(name)}' under 'cells'{hint}"
    )


def _copy_child(
    node: dict[str, Any], override: _Override, depth: int, spec: Mapping[str, Any]
) -> dict[str, Any]:
    """Replace a mapping in `node` by a copy that may be changed, and return the copy.

    Args:
        node: the mapping that the first depth - 1 parts of the path lead to.
        override: the override whose path is followed.
        depth: the number of parts that lead to the mapping in `node`.
        spec: the spec as it is so far.
    """
    *parents, name = override.path[:depth]
    if parents == ["cells"] and name not in node:
        raise _no_such_cell(override, name, spec)
    child = node.get(name, {})
    if not isinstance(child, dict):
        path = ".".join(override.path[:depth])
        raise UserError(
            f"override '{override.shown}': '{excerpt_name(path)}' is {excerpt(child)} in the spec, "
            "not a mapping"
        )
    node[name] = dict(child)
    return node[name]  # type: ignore[no-any-return]


def _parse(text: str, cells: Iterable[str] = ()) -> _Override:
    """Parse KEY=VALUE; KEY may contain the name of a cell, with dots and equals signs in it."""
    start: tuple[str, ...] = ()
    key, equals, value = text.partition("=")
    for name in sorted(cells, key=len, reverse=True):
        if text.startswith((f"cells.{name}=", f"cells.{name}.")):
            start = ("cells", name)
            key, equals, value = text.removeprefix(f"cells.{name}").partition("=")
            break
    shown = excerpt_name(text)
    # YAML ends a line, and thus the record of an override, at any of these breaks.
    if not equals or not (key or start) or text.splitlines() != [text]:
        raise UserError(
            f"override '{shown}': write KEY=VALUE on one line, for example steps=50 or 'seeds=[0]'"
        )
    path = (*start, *key.split(".")[len(start) > 0 :])
    if path[0] in _SETTINGS and (len(path) == 1 or path[0] not in ExperimentSpec.model_fields):
        path = ("base", *path)
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
