"""The text of a spec that extends others, made to stand alone.

The ledger, reports and trial files hold that text: it needs no other file to be read again. What a
file states itself counts once, even if two of the others extend it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orchestrator.spec.extension.merge import merge, move_paths
from vss.errors import UserError
from vss.untrusted.limited_file import MIB, name_of, read_text
from vss.untrusted.messages import excerpt, one_line
from vss.untrusted.yaml_text import read_yaml

SIZE_LIMIT = MIB
_KEY = "extends"
_MENTION = re.compile(rf"^[\"']?{_KEY}[\"']?\s*:|[{{,]\s*[\"']?{_KEY}[\"']?\s*:", re.MULTILINE)
_MOST_SPECS = 5  # that one extends, one after the other or all at once
_WIDTH = 100  # characters of a line


@dataclass(frozen=True)
class StandaloneText:
    """The text of a spec that extends no other one.

    Attributes:
        text: the text.
        extended: the specs that it was made from, besides its own file.
    """

    text: str
    extended: tuple[Path, ...] = ()


def resolve_extension(source: str, path: Path) -> StandaloneText:
    """Return the text of a spec with all that it extends.

    Args:
        source: its text as written.
        path: its file, which paths in it are relative to.

    Raises:
        UserError: if what it extends cannot be read, or is no spec.
    """
    if not _MENTION.search(source):  # parsing takes time
        return StandaloneText(source)
    content = read_yaml(source)
    if not isinstance(content, dict) or _KEY not in content:
        return StandaloneText(source)
    if "name" not in content:
        raise UserError(
            f"'name' is missing: a spec that extends another one is an experiment of its own "
            f"(it extends {excerpt(content[_KEY])})"
        )
    layers = {layer.path: layer for layer in _layers(content, path, [])}
    own = layers.pop(path.resolve())
    merged: dict[str, Any] = {}
    for layer in layers.values():
        merged = merge(merged, layer.moved_to(path.parent))
    names = ", ".join(each.name for each in layers)
    heading = f"{_leading_comments(source)}# Extends {names}.\n"
    return StandaloneText(heading + _write(merge(merged, own.changes)), tuple(layers))


@dataclass(frozen=True)
class _Layer:
    """What one file states itself."""

    path: Path
    changes: dict[str, Any]

    def moved_to(self, folder: Path) -> Any:
        """Return it with the paths of files relative to a folder."""
        return move_paths(self.changes, self.path.parent, folder.resolve())


def _layers(content: dict[str, Any], path: Path, dependents: list[Path]) -> Iterator[_Layer]:
    """Yield what a spec extends, directly or not, and at last the spec itself."""
    changes = {key: value for key, value in content.items() if not key.startswith("x-")}
    line = [*dependents, path.resolve()]
    for name in _names(changes.pop(_KEY, [])):
        other = path.parent / name
        if _locate(other) in line or len(line) > _MOST_SPECS:
            names = " > ".join(each.name for each in [*line, other])
            raise UserError(f"'{_KEY}': specs extend each other in a circle, or too far: {names}")
        yield from _layers(_read(other), other, line)
    yield _Layer(path.resolve(), changes)


def _locate(path: Path) -> Path:
    """Return a path without links."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, a character that is none
        raise UserError(f"'{_KEY}': {name_of(path)} is no valid path") from None


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in names) or len(names) > _MOST_SPECS:
        raise UserError(
            f"'{_KEY}' must be the path of another spec, or a list of at most {_MOST_SPECS} (got "
            f"{excerpt(value)})"
        )
    return names


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(read_text(path, "spec", SIZE_LIMIT))
    except UserError as error:
        raise UserError(one_line(f"'{_KEY}': {error} (paths are relative to the spec)")) from None
    if not isinstance(content, dict):
        raise UserError(f"'{_KEY}': {name_of(path)} is not a spec")
    return content


def _leading_comments(source: str) -> str:
    """Return the comments that a spec begins with, without a hint to editors."""
    lines = []
    for line in source.splitlines():
        if not line.startswith("#"):
            break
        if "yaml-language-server" not in line:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
    """A writer of what `read_yaml` reads back as the same data."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write out what occurs twice."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style: str | None = '"'
    with suppress(UserError):  # such as an open bracket
        if text.isprintable() and read_yaml(f"- {text}") == [text]:
            style = None  # for the writer to choose; it does not know that 1e-3 is a number
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _write(content: dict[str, Any]) -> str:
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH,
        default_flow_style=None,
    )  # fmt: skip
    return text
