"""Hostile data for property-based tests: odd values, and mutations of structures and of bytes."""

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

PATHS = (
    "weights.safetensors", "archive.pth", "text.txt", "data.yaml", "pipe", "folder", "link",
    "sparse", "missing", "/etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ", "\0",
    "x" * 5000, "../" * 900, "",
)  # fmt: skip
_WORDS = (
    "none", "imagenet", "auto", "folder", "tma", "fcn", "camvid", "sgd", "base", "\x1b[31mred",
    "two\nlines", "\u202eright to left", "'", '"', "{", "<<", "=1+1", "\x7f", "x" * 100_000,
)  # fmt: skip
_NUMBERS = (
    0, -1, 1, 2**31, 2**63, 2**64, 10**20, 10**400, 0.5, -0.0, 1e-300, 1e308, float("inf"),
    float("-inf"), float("nan"),
)  # fmt: skip
_STRUCTURES = (
    [], {}, [[]], [None], [1] * 5000, {"from": 3, "to": 10**12}, {"from": 3, "to": 9}, {1: 2},
    {"head": "psp"}, ["a"], {"": ""}, {str(n): {} for n in range(3000)}, list(range(3000)),
)  # fmt: skip


def deep(levels: int) -> Any:
    """Return lists and mappings in each other."""
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


odd_values = st.one_of(
    st.sampled_from(_WORDS),
    st.sampled_from(PATHS),
    st.sampled_from(_NUMBERS),
    st.sampled_from(_STRUCTURES).map(copy.deepcopy),  # as it may be mutated further
    st.integers(2, 60).map(deep),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        ),
        max_leaves=10,
    ),
)

_odd_names = st.text(max_size=10) | st.sampled_from(_WORDS)


@st.composite
def mutants(draw: st.DrawFn, originals: list[Any], keys: Sequence[Sequence[str]] = ()) -> Any:
    """Draw a structure that differs from one of the originals in up to three places.

    Args:
        draw: given by hypothesis.
        originals: the structures to start from.
        keys: the keys to add at each level, outermost first; the last ones serve all below.
    """
    content = copy.deepcopy(draw(st.sampled_from(originals)))
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        content = _mutate(draw, content, keys)
    return content


def _mutate(draw: st.DrawFn, content: Any, keys: Sequence[Sequence[str]]) -> Any:
    """Change one place: a random walk from the top ends there."""
    if not isinstance(content, dict | list) or not content or draw(st.integers(0, 15)) == 0:
        return draw(odd_values)
    place = draw(
        st.sampled_from(list(content) if isinstance(content, dict) else range(len(content)))
    )
    change = draw(st.sampled_from((*("walk",) * 6, "replace", "remove", "add", "add", "repeat")))
    if change in ("walk", "replace"):
        inner = content[place] if change == "walk" else None
        content[place] = _mutate(draw, inner, keys[1:] or keys)
    elif change == "remove":
        del content[place]
    elif isinstance(content, dict):
        is_odd = draw(st.integers(0, 9)) == 0
        name = draw(_odd_names if is_odd or not keys else st.sampled_from(keys[0]))
        content[name] = draw(odd_values) if change == "add" else content[place]
    else:
        content += [draw(odd_values)] if change == "add" else content * 3
    return content


@st.composite
def damaged(draw: st.DrawFn, original: bytes) -> bytes:
    """Draw the bytes of a file that was cut, or in which bytes were changed or inserted."""
    content = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(("cut", "flip", "insert", "remove", "begin"))):
            case "cut":
                del content[place:]
            case "flip" if place < len(content):
                content[place] ^= draw(st.integers(1, 255))
            case "insert":
                content[place:place] = draw(st.binary(max_size=20))
            case "remove":
                del content[place : place + draw(st.integers(1, 200))]
            case _:
                content[:0] = draw(st.sampled_from((b"\x80\x04", b"PK\x03\x04", b"{" * 2000, b"[")))
    return bytes(content)
