"""The text of a spec that extends another one, made to stand alone.

The ledger, reports and trial files hold that text: it needs no other file to be read again.
"""

import re
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
_MOST_SPECS = 5  # that extend each other
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
    content, extended = _extend(content, path.parent, [path.resolve()])
    heading = _leading_comments(source) + f"# Extends {', '.join(p.name for p in extended)}.\n"
    return StandaloneText(heading + _write(content), tuple(extended))


def _extend(
    content: dict[str, Any], folder: Path, seen: list[Path]
) -> tuple[dict[str, Any], list[Path]]:
    """Return the content merged into what it extends, and the specs that were read."""
    changes = {key: value for key, value in content.items() if not key.startswith("x-")}
    name = changes.pop(_KEY, None)
    if name is None:
        return changes, []
    if not isinstance(name, str):
        raise UserError(f"'{_KEY}' must be the path of another spec (got {excerpt(name)})")
    path = folder / name
    if path.resolve() in seen or len(seen) >= _MOST_SPECS:
        names = " > ".join(each.name for each in [*seen, path])
        raise UserError(f"'{_KEY}': specs extend each other in a circle, or too deeply: {names}")
    other = _read(path)
    extended, others = _extend(other, path.parent, [*seen, path.resolve()])
    return merge(move_paths(extended, path.parent, folder), changes), [path.resolve(), *others]


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
