"""YAML as plain data: mappings, lists, words, numbers, true, false and null, and nothing else.

It follows the core schema of YAML 1.2, whose `no` and dates are words and whose 1e-3 is a number.
Departs from it: keys are words as they are written, so `1: x` has the key "1". Tags are refused, as
are depths and numbers of nodes that no spec needs; what an alias stands for counts each time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from vss.errors import UserError
from vss.untrusted.messages import excerpt_name, one_line

MAX_DEPTH = 30
MAX_NODES = 100_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is 20 times as fast
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 400  # digits


class YamlError(UserError):
    """Raised for a text that is not YAML, or more than plain data.

    Attributes:
        place: "line 1, column 2", or "" if it is unknown.
    """

    def __init__(self, problem: str, mark: yaml.Mark | None = None) -> None:
        """Prefix the problem with its place."""
        self.place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        super().__init__(f"{self.place}: {problem}" if mark else problem)


def read_yaml(text: str) -> Any:
    """Return the data in a YAML text; None if it is empty.

    Raises:
        YamlError: if it is not valid, or more than plain data; one line gives the position.
    """
    try:
        return _Reader(yaml.parse(text, Loader=_LOADER)).read()
    except yaml.MarkedYAMLError as error:
        problem = one_line(error.problem or "it is not valid", 150)
        raise YamlError(problem, error.problem_mark or error.context_mark) from None
    except yaml.reader.ReaderError as error:
        raise YamlError(f"character {error.position + 1} is not allowed in YAML") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlError(f"unreadable YAML: {one_line(str(error), 150)}") from None


@dataclass(frozen=True)
class _Node:
    """A value that an alias can repeat, with its depth and the number of nodes in it."""

    value: Any
    depth: int
    nodes: int


class _Reader:
    """A reader of the parser's events, which come one at a time: it stops at the first excess."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._nodes = 0
        self._anchors: dict[str, _Node] = {}

    def read(self) -> Any:
        value, documents = None, 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlError("a second document begins here: keep one", event.start_mark)
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, 1).value
        return value

    def _node(self, event: yaml.NodeEvent, level: int) -> _Node:
        """Read the value that begins with an event, `level` levels below the top."""
        if isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(event.anchor)
            if node is None:
                text = f"alias *{excerpt_name(event.anchor)} repeats nothing that ends before it"
                raise YamlError(text, event.start_mark)
            self._count(event, node.nodes, level - 1 + node.depth)
            return node
        first = self._nodes
        self._count(event, 1, level)
        _refuse_tag(event)
        value, depth = self._value(event, level)
        node = _Node(value, depth, self._nodes - first)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _value(self, event: yaml.NodeEvent, level: int) -> tuple[Any, int]:
        """Return a value and its depth."""
        if isinstance(event, yaml.SequenceStartEvent):
            items = [self._node(each, level + 1) for each in self._until(yaml.SequenceEndEvent)]
            return [item.value for item in items], 1 + max((i.depth for i in items), default=0)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(level)
        return _scalar(event), 1

    def _mapping(self, level: int) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        depth = 0
        for event in self._until(yaml.MappingEndEvent):
            key = self._key(event)
            if key in values:
                text = f'found duplicate key "{excerpt_name(key)}"; write each key once'
                raise YamlError(text, event.start_mark)
            node = self._node(next(self._events), level + 1)
            values[key], depth = node.value, max(depth, node.depth)
        return values, 1 + depth

    def _key(self, event: yaml.NodeEvent) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise YamlError("a key must be a word", event.start_mark)
        self._count(event, 1, 1)
        _refuse_tag(event)
        return str(event.value)

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.NodeEvent]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _count(self, event: yaml.Event, nodes: int, depth: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            text = f"more than {MAX_NODES} values, counting what each alias repeats: write fewer"
            raise YamlError(text, event.start_mark)
        if depth > MAX_DEPTH:
            text = f"nested more than {MAX_DEPTH} levels deep: write it flatter"
            raise YamlError(text, event.start_mark)


def _refuse_tag(event: yaml.NodeEvent) -> None:
    if event.tag is not None:
        text = f"tag {excerpt_name(event.tag)} is not allowed: remove it, as plain values need none"
        raise YamlError(text, event.start_mark)


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Return what the core schema makes of a plain word; quoted ones are words as they are."""
    text: str = event.value
    if event.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    is_number = _WHOLE.fullmatch(text) or _BASED.fullmatch(text) or _REAL.fullmatch(text)
    if is_number and len(text) > _LONGEST_NUMBER:
        raise YamlError(f"a number of {len(text)} characters is too long", event.start_mark)
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _REAL.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.lower().replace(".", ""))
    return text
