"""YAML as plain data."""

import math
import time
from typing import Any

import pytest

from vss.untrusted.yaml_text import MAX_NODES, YamlError, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("true", True),
        ("no", "no"),
        ("2001-01-01", "2001-01-01"),
        ("1e-3", 0.001),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("-.5", -0.5),
        ("1_000", "1_000"),
        ("-.inf", -math.inf),
        ("'1'", "1"),
        ("[a, [], {}]", ["a", [], {}]),
        ("1: x\ntrue: y", {"1": "x", "true": "y"}),
        ("a: &a [1]\nb: *a", {"a": [1], "b": [1]}),
    ],
)
def test_text_becomes_the_data_of_the_core_schema(text: str, value: Any) -> None:
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!python/object/apply:os.system [id]", "line 1, column 4: tag tag:yaml.org,2002:pyth"),
        ("a: !!set {b}", "tag tag:yaml.org,2002:set is not allowed"),
        ("a: &a [*a]", r"line 1, column 8: alias \*a repeats nothing that ends before it"),
        ("a: *b", r"alias \*b repeats nothing"),
        ("[" * 31, "line 1, column 31: nested more than 30 levels deep"),
        ("a: 1\na: 2", 'line 2, column 1: found duplicate key "a"; write each key once'),
        ("? [a]\n: b", "a key must be a word"),
        ("a\n---\nb", "a second document begins here"),
        ("a: " + "9" * 500, "line 1, column 4: a number of 500 characters is too long"),
        ("a: [1", "did not find expected ',' or ']'"),
        ("a: \0", "character 4 is not allowed in YAML"),
        ("\ud800", "unreadable YAML: "),
    ],
)
def test_everything_else_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(YamlError, match=message):
        read_yaml(text)


@pytest.mark.slow
def test_what_aliases_repeat_counts_each_time() -> None:
    """Nine levels of ten would be a billion values in 200 characters."""
    lines = [
        "a0: &a0 [1]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)),
    ]

    with pytest.raises(YamlError, match=f"more than {MAX_NODES} values, counting what each alias"):
        read_yaml("\n".join(lines))


@pytest.mark.slow
def test_depth_of_aliases_adds_up() -> None:
    chain = "a0: &a0 [1]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40))

    with pytest.raises(YamlError, match="nested more than 30 levels deep"):
        read_yaml(chain)


@pytest.mark.slow
def test_largest_text_is_read_in_a_moment() -> None:
    started = time.process_time()

    assert len(read_yaml("- 1\n" * (MAX_NODES - 1))) == MAX_NODES - 1

    assert time.process_time() - started < 10  # 1 s on a quiet machine
